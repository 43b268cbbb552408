#!lua flags=allow-oom
-- Moves what was unmapped and rules map by now back into its partition, due at once; behind what its
-- user waits for, if anything.
--
-- KEYS     1 ready  2 log:  3 due:  4 late:  5 blocked:  6 order:  7 behind:  8 unmapped
--          9 unmapped:at  10 day:  11 replaying  12 replay:unmapped  13 retried
-- ARGV     1 now  2 version of the run  3 the cursor that the caller read  4 the cursor to go on from,
--          'end' when all was looked at  5 until when its pace is used up  6 how many it looked at,
--          then for each letter that rules map letter, user
-- Returns  how many it moved, or -1 when another run goes on or its cursor is elsewhere; nothing is
--          changed then
--
-- A letter moves only if it lies there, and is deleted before anything is written. A second run finds
-- the cursor elsewhere.
local now, run = clock(ARGV[1]), KEYS[12]
local state = redis.call('HMGET', run, 'state', 'version', 'cursor')
if state[1] ~= 'running' or state[2] ~= ARGV[2] or state[3] ~= ARGV[3] then return -1 end

local moved, touched, by_day = 0, {}, {}
for i = 7, #ARGV, 2 do
  local letter = ARGV[i]
  local delivery = redis.call('HGET', KEYS[8], letter)
  if delivery then
    local partition, entry = letter:match('^(%d+)%-(.+)$')
    redis.call('HDEL', KEYS[8], letter)
    redis.call('ZREM', KEYS[9], letter)
    local goes = revive(KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], partition, entry, ARGV[i + 1], delivery, now)
    -- What waits for a retry takes no room from the next letters.
    redis.call('HSET', goes and KEYS[11] or KEYS[13], letter, 'unmapped')
    local day = day_of(entry)
    moved, touched[partition], by_day[day] = moved + 1, true, (by_day[day] or 0) + 1
  end
end
for day, count in pairs(by_day) do
  count_day(KEYS[10], day, 'unmapped', -count)
  count_day(KEYS[10], day, 'retrying', count)
end
for partition in pairs(touched) do refresh(KEYS[1], KEYS[2], KEYS[3], partition, now, false) end
redis.call('HINCRBY', run, 'replayed', moved)
redis.call('HINCRBY', run, 'taken', moved)
redis.call('HINCRBY', run, 'looked', ARGV[6])
redis.call('HSET', run, 'cursor', ARGV[4], 'stepped_at', ARGV[5])
return moved
