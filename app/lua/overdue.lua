#!lua flags=allow-oom
-- Whether the tick is to send a wake: something is due that nobody holds, and no wake is on its way.
--
-- KEYS     1 ready  2 leases  3 pumps  4 throttle  5 wake  6 figures
-- ARGV     1 now  2 pumps at most  3 how long a wake may be on its way, in ms
-- Returns  0 when nothing is wanted, 1 when a wake is to be sent, 2 when one is on its way
--
-- A second run answers 2: the first one's wake is on its way.
local now = clock(ARGV[1])
if not wanted(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, tonumber(ARGV[2])) then return 0 end
if woken_ago(KEYS[5], now) < tonumber(ARGV[3]) then return 2 end
redis.call('SET', KEYS[5], now)
redis.call('HINCRBY', KEYS[6], 'wakes', 1)
return 1
