#!lua
-- Adds a mapping rule, or removes one. Either makes the rules another version; one that is new has
-- all unmapped looked at again.
--
-- KEYS     1 rules  2 rules:state  3 rules:matches
-- ARGV     1 now  2 rule  3 what is kept of it, '' to remove it  4 rules at most
-- Returns  1, or 0 when there is such a rule already (none, to remove it), or -1 when there are too
--          many; nothing is changed then
--
-- A second run finds it done: it answers 0, unless what is kept is the very same.
local id, kept = ARGV[2], ARGV[3]
local former = redis.call('HGET', KEYS[1], id)
if kept == '' then
  if not former then return 0 end
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[3], id)
  redis.call('HINCRBY', KEYS[2], 'version', 1)
  return 1
end
if former then return former == kept and 1 or 0 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
redis.call('HSET', KEYS[1], id, kept)
redis.call('HSET', KEYS[2], 'added', redis.call('HINCRBY', KEYS[2], 'version', 1))
return 1
