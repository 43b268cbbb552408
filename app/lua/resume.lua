#!lua flags=allow-oom
-- Ends a pause, whoever made it. A hold after failures goes on, and so does the caution after it.
--
-- KEYS     1 throttle
-- ARGV     1 now
-- Returns  1, or 0 when it was not paused
--
-- A second run finds no pause.
return redis.call('HDEL', KEYS[1], 'paused_by', 'paused_why', 'paused_cause', 'paused_at',
  'credentials') > 0 and 1 or 0
