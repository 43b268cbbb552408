#!lua flags=allow-oom
-- Keeps what pumps found of a destination, for the next one to go on from.
--
-- KEYS     1 throttle
-- ARGV     1 now  2 what they found
-- Returns  1
--
-- Of two pumps that end together the later one is remembered. A second run writes the same.
redis.call('HSET', KEYS[1], 'score', ARGV[2])
return 1
