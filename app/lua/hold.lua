#!lua flags=allow-oom
-- Holds a whole destination after a failure that is not the events' fault. The wait doubles with
-- each failure in a row. One that asks for fewer deliveries ('throttled') also lowers the rate.
--
-- KEYS     1 throttle  2 figures
-- ARGV     1 now  2 shortest wait in ms (the destination's wish, '' for none)  3 why  4 first wait
--          in ms  5 longest wait in ms  6 cause  7 deliveries per second ('' for no limit)
-- Returns  {until when, 1 when it is a new row of failures or has a new cause}
--
-- While it holds, further failures count as the same one, so a second run changes nothing.
local now, wish, first, cause = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), ARGV[6]
local rate = tonumber(ARGV[7])

-- Below the most that was taken in a second lately: a fifth the first time, then a tenth. A limit
-- has ten seconds to grow before it is lowered again, so that stray 429s do not wear it down.
local function lower()
  local taken, standing = best_taken(KEYS[1], now), limited_rate(KEYS[1], now, rate)
  local since = tonumber(redis.call('HGET', KEYS[1], 'limited_at') or 0)
  if taken == 0 or standing and now - since < 10000 then return end
  local limit = standing and 0.9 * math.min(taken, standing) or 0.8 * math.min(taken, rate or taken)
  redis.call('HSET', KEYS[1], 'limit', string.format('%.3f', math.max(1, limit)),
    'limited_at', string.format('%.0f', now))
end

-- A limit does not grow while nothing can show that it may.
local function grow_later(by)
  if by <= 0 or redis.call('HEXISTS', KEYS[1], 'limited_at') == 0 then return end
  local since = tonumber(redis.call('HGET', KEYS[1], 'limited_at'))
  redis.call('HSET', KEYS[1], 'limited_at', string.format('%.0f', since + by))
end

local before, news = failed_until(KEYS[1], now), 0
local held = before
if held == 0 then
  local former = redis.call('HGET', KEYS[1], 'cause')
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  news = (failures == 1 or former ~= cause) and 1 or 0
  local wait = math.min(first * 2 ^ math.min(failures - 1, 30), tonumber(ARGV[5]))
  if cause == 'throttled' then
    if wish then wait = first end
    lower()
    redis.call('HDEL', KEYS[1], 'probe')
  else
    redis.call('HSET', KEYS[1], 'probe', 1)
  end
  redis.call('HSET', KEYS[1], 'why', ARGV[3], 'cause', cause)
  redis.call('HDEL', KEYS[1], 'prober')
  redis.call('HINCRBY', KEYS[2], 'holds:' .. cause, 1)
  if failures == 1 and cause ~= 'throttled' then redis.call('HINCRBY', KEYS[2], 'openings', 1) end
  held = now + wait
end
held = math.max(held, now + (wish or 0))
grow_later(held - math.max(before, now))
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', held))
return { string.format('%.0f', held), news }
