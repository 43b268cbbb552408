#!lua flags=allow-oom
-- Forgets former failures: the destination took something after the hold had ended.
--
-- KEYS     1 throttle
-- ARGV     1 now
-- Returns  1 when there was something to forget, else 0
--
-- A success that was under way before the hold began proves nothing, so a running hold stays.
local now = clock(ARGV[1])
if held_until(KEYS[1], now) > 0 then return 0 end
return redis.call('HDEL', KEYS[1], 'until', 'why', 'failures') > 0 and 1 or 0
