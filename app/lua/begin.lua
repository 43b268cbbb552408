#!lua flags=allow-oom
-- Begins a replay of dead letters, unless one runs.
--
-- KEYS     1 replays  2 replay:  3 replay:ids:
-- ARGV     1 now  2 replay  3 when it began, in ms  4 how many fields, then name and value of each,
--          then the letters that it names, none when it has a filter
-- Returns  '' when it has begun, else the replay that runs
--
-- The newest alone may run. A second run finds its own and has begun; a crash after it leaves a
-- replay that the tick moves.
local REPLAYS_MAX = 100

local id, fields = ARGV[2], tonumber(ARGV[4])
local replay, letters = KEYS[2] .. id, KEYS[3] .. id
if redis.call('EXISTS', replay) == 1 then return '' end
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if newest[1] and redis.call('HGET', KEYS[2] .. newest[1], 'state') == 'running' then return newest[1] end

for i = 5, 4 + 2 * fields, 2 do redis.call('HSET', replay, ARGV[i], ARGV[i + 1]) end
for i = 5 + 2 * fields, #ARGV, 1000 do
  redis.call('RPUSH', letters, unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('HSET', replay, 'state', 'running', 'began_at', ARGV[3], 'stepped_at', ARGV[3])
-- A clock that was set back must not make an older one the newest.
local place = math.max(tonumber(ARGV[3]), tonumber(newest[2] or 0) + 1)
redis.call('ZADD', KEYS[1], string.format('%.0f', place), id)
for _, old in ipairs(redis.call('ZRANGE', KEYS[1], 0, -REPLAYS_MAX - 1)) do
  redis.call('DEL', KEYS[2] .. old, KEYS[3] .. old)
  redis.call('ZREM', KEYS[1], old)
end
return ''
