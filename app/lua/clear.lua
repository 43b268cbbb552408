#!lua flags=allow-oom
-- Forgets former failures: the destination took something after the hold had ended.
--
-- KEYS     1 throttle
-- ARGV     1 now
-- Returns  0 while the destination is held, 1 when there was nothing to forget, 2 when there was
--
-- A success that was under way before the hold began proves nothing, so a running hold stays. A
-- second run finds nothing to forget.
local now = clock(ARGV[1])
if held_until(KEYS[1], now) > 0 then return 0 end
local failed = half_open(KEYS[1])
redis.call('HDEL', KEYS[1], 'until', 'why', 'cause', 'failures', 'probe', 'prober', 'score')
return failed and 2 or 1
