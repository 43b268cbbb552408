#!lua flags=allow-oom
-- Cancels a replay: it moves no more letters. What is under way goes on and still counts for it.
--
-- KEYS     1 replay:  2 replay:ids:
-- ARGV     1 now  2 replay
-- Returns  1 when it is cancelled, 0 when it had ended or there is none
--
-- A second run finds it cancelled, which is what was asked for.
local replay = KEYS[1] .. ARGV[2]
local state = redis.call('HGET', replay, 'state')
if state == 'cancelled' then return 1 end
if state ~= 'running' then return 0 end
redis.call('HSET', replay, 'state', 'cancelled', 'ended_at', string.format('%.0f', clock(ARGV[1])),
  'standing', '')
redis.call('DEL', KEYS[2] .. ARGV[2])
return 1
