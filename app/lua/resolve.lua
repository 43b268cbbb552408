#!lua flags=allow-oom
-- Lets go of a flag, by an operator's decision.
--
-- KEYS     1 flags  2 flags:at  3 flags:users
-- ARGV     1 now  2 flag
-- Returns  what was kept of it; nil when there is none
--
-- A second run finds none.
local kept = redis.call('HGET', KEYS[1], ARGV[2])
if not kept then return nil end
lift_flag(KEYS[1], KEYS[2], KEYS[3], ARGV[2], cjson.decode(kept).user)
return kept
