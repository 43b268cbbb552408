#!lua flags=allow-oom
-- Holds a whole destination after a failure that is not the events' fault. The wait doubles with
-- each failure in a row.
--
-- KEYS     1 throttle
-- ARGV     1 now  2 shortest wait in ms (the destination's wish)  3 why  4 first wait in ms
--          5 longest wait in ms
-- Returns  until when
--
-- While it holds, further failures count as the same one, so a second run changes nothing.
local now, wish = clock(ARGV[1]), tonumber(ARGV[2])
local held = held_until(KEYS[1], now)
if held == 0 or redis.call('HGET', KEYS[1], 'why') == 'rate' then
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  local wait = math.min(tonumber(ARGV[4]) * 2 ^ math.min(failures - 1, 30), tonumber(ARGV[5]))
  held = now + wait
end
held = math.max(held, now + wish)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', held), 'why', ARGV[3])
return string.format('%.0f', held)
