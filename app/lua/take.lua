#!lua flags=allow-oom
-- Asks for the right to send n deliveries now (GCRA: a rate with a burst, n at a time).
--
-- KEYS     1 throttle
-- ARGV     1 now  2 deliveries per second ('' for no limit)  3 burst  4 n
--          5 longest wait in ms that a pump waits out  6 token of the pump ('' for none)
-- Returns  {granted, ms to wait before it is worth asking again, 1 when the pump has to stop, 1 when
--          there is a rate to ask for}
--
-- Worth asking is a quarter of a second's deliveries, or half of the burst: arrays stay arrays. A
-- longer wait than a pump waits out holds the destination, so that nobody asks in vain. After a 429
-- the rate is lower and the burst a tenth of a second's deliveries.
--
-- A second run takes again: the rate errs on the low side.
local now, rate, burst, n = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local patience, token = tonumber(ARGV[5]), ARGV[6]
local limited = limited_rate(KEYS[1], now, rate)
local ruled = (rate or limited) and 1 or 0
local held = held_until(KEYS[1], now)
if held > 0 then return { 0, held - now, 1, ruled } end
if token ~= '' and shut_out(KEYS[1], token, now) then return { 0, patience, 1, ruled } end
if limited then
  rate = limited
  burst = math.min(ARGV[2] == '' and math.huge or burst, math.max(1, rate / 10))
end
if not rate then return { n, 0, 0, 0 } end

local each = 1000 / rate
local kept = tonumber(redis.call('HGET', KEYS[1], 'free_at') or 0)
local free_at = math.min(math.max(kept, now), now + burst * each)
local room = math.floor((now + burst * each - free_at) / each + 1e-6)
local granted = math.max(0, math.min(n, room))
-- A moment beyond the burst is of a clock that was set back since: kept, it would be beyond it again.
if granted > 0 or free_at < kept then
  free_at = free_at + granted * each
  redis.call('HSET', KEYS[1], 'free_at', string.format('%.3f', free_at))
end
local worth = math.max(1, math.min(n - granted, math.floor(rate / 4), math.floor(burst / 2)))
local wait = granted < n and math.max(0, math.ceil(free_at + worth * each - now - burst * each)) or 0
if wait <= patience then return { granted, wait, 0, 1 } end
redis.call('HSET', KEYS[1], 'paced', string.format('%.0f', now + wait))
return { granted, wait, 1, 1 }
