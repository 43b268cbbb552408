#!lua
-- Takes over the mapping rules of the configuration.
--
-- KEYS     1 rules:state
-- ARGV     1 now  2 the rules, as JSON
-- Returns  1 when they are others than before, which makes them another version, else 0
--
-- A second run finds them.
if (redis.call('HGET', KEYS[1], 'configured') or '[]') == ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'configured', ARGV[2], 'added', redis.call('HINCRBY', KEYS[1], 'version', 1))
return 1
