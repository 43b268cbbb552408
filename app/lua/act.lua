#!lua flags=allow-oom
-- Records what an operator did, also in a full store.
--
-- KEYS     1 actions
-- ARGV     1 now  2 who  3 what  4 count  5 about  6 how many are kept
-- Returns  the entry
--
-- A second run records it twice: the record is for people, and decides nothing.
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[6], '*', 'at', string.format('%.0f', clock(ARGV[1])),
  'who', ARGV[2], 'what', ARGV[3], 'count', ARGV[4], 'about', ARGV[5])
