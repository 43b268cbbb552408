#!lua flags=allow-oom
-- Forgets former failures: the destination took something after the hold had ended.
--
-- KEYS     1 throttle
-- ARGV     1 now
-- Returns  1, or 0 while the destination is held
--
-- A success that was under way before the hold began proves nothing, so a running hold stays.
local now = clock(ARGV[1])
if held_until(KEYS[1], now) > 0 then return 0 end
redis.call('HDEL', KEYS[1], 'until', 'why', 'failures')
return 1
