#!lua flags=allow-oom
-- Holds a whole destination after a failure that is not the events' fault. The wait doubles with
-- each failure in a row. One that asks for fewer deliveries ('throttled') also lowers the rate.
--
-- KEYS     1 throttle
-- ARGV     1 now  2 shortest wait in ms (the destination's wish, '' for none)  3 why  4 first wait
--          in ms  5 longest wait in ms  6 cause  7 deliveries per second ('' for no limit)
-- Returns  {until when, 1 when it is a new row of failures or has a new cause}
--
-- While it holds, further failures count as the same one, so a second run changes nothing.
local now, wish, first, cause = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), ARGV[6]
local rate = tonumber(ARGV[7])

-- What the destination took in the last second.
local function lately()
  local state = redis.call('HMGET', KEYS[1], 'second', 'taken', 'taken_before')
  local age = now / 1000 - tonumber(state[1] or 0)
  if age < 1 then return tonumber(state[2]) + tonumber(state[3]) * (1 - math.max(0, age)) end
  return age < 2 and tonumber(state[2]) * (2 - age) or 0
end

-- Four fifths of what it took. Where a limit stands, a moment in which it took little (one request
-- goes at a time after a hold) does not lower that to less than two fifths.
local function lowered()
  local taken, standing = lately(), limited_rate(KEYS[1], now, rate)
  if standing then taken = math.max(taken, standing / 2) end
  return math.max(1, 0.8 * math.min(taken, standing or rate or taken))
end

local held, news = failed_until(KEYS[1], now), 0
if held == 0 then
  local former = redis.call('HGET', KEYS[1], 'cause')
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  news = (failures == 1 or former ~= cause) and 1 or 0
  local wait = math.min(first * 2 ^ math.min(failures - 1, 30), tonumber(ARGV[5]))
  if cause == 'throttled' then
    if wish then wait = first end
    redis.call('HSET', KEYS[1], 'limit', string.format('%.3f', lowered()))
    redis.call('HDEL', KEYS[1], 'probe')
  else
    redis.call('HSET', KEYS[1], 'probe', 1)
  end
  redis.call('HSET', KEYS[1], 'why', ARGV[3], 'cause', cause)
  redis.call('HDEL', KEYS[1], 'prober')
  held = now + wait
end
held = math.max(held, now + (wish or 0))
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', held))
if redis.call('HGET', KEYS[1], 'cause') == 'throttled' then
  redis.call('HSET', KEYS[1], 'limited_at', string.format('%.0f', held))
end
return { string.format('%.0f', held), news }
