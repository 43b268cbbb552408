#!lua flags=allow-oom
-- Asks for the right to send n deliveries now (GCRA: a rate with a burst, n at a time).
--
-- KEYS     1 throttle
-- ARGV     1 now  2 deliveries per second ('' for no limit)  3 burst  4 n
--          5 longest wait in ms that a pump waits out
-- Returns  {granted, ms to wait before it is worth asking again, failures in a row}
--
-- Worth asking is a quarter of a second's deliveries, or half of the burst: arrays stay arrays. A
-- longer wait than a pump waits out holds the destination, so that nobody asks in vain.
--
-- A second run takes again: the rate errs on the low side.
local now, rate, burst, n = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'free_at', 'failures')
local failures = tonumber(state[2] or 0)
local held = held_until(KEYS[1], now)
if held > 0 then return { 0, held - now, failures } end
if not rate then return { n, 0, failures } end

local each = 1000 / rate
local free_at = math.min(math.max(tonumber(state[1] or 0), now), now + burst * each)
local room = math.floor((now + burst * each - free_at) / each + 1e-6)
local granted = math.max(0, math.min(n, room))
if granted > 0 then
  free_at = free_at + granted * each
  redis.call('HSET', KEYS[1], 'free_at', string.format('%.3f', free_at))
end
local worth = math.max(1, math.min(n - granted, math.floor(rate / 4), math.floor(burst / 2)))
local wait = granted < n and math.ceil(free_at + worth * each - now - burst * each) or 0
if wait > tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + wait), 'why', 'rate')
end
return { granted, math.max(wait, 0), failures }
