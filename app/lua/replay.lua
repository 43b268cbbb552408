#!lua flags=allow-oom
-- Moves dead letters of a replay back into their partitions: due now, or behind their users'
-- earlier deliveries.
--
-- KEYS     1 ready  2 log:  3 due:  4 late:  5 blocked:  6 order:  7 behind:  8 dead
--          9 dead:deliveries  10 dead:at  11 dead:ids  12 dead:groups  13 dead:latest
--          14 dead:group:  15 dead:reasons  16 day:  17 replaying  18 replay:  19 replay:ids:
--          20 retried  21 dead:users  22 dead:events
-- ARGV     1 now  2 replay  3 its cursor, as the caller read it  4 its cursor from now on, 'end' when
--          nothing is left  5 until when its pace is used up, then the letters
-- Returns  how many it moved, or -1 when the replay does not run or its cursor is elsewhere; nothing
--          is changed then
--
-- A letter moves only if it was buried before the replay's survey: what comes back dead stays. A second
-- run finds the cursor elsewhere.
local now, id, after = clock(ARGV[1]), ARGV[2], ARGV[4]
local replay = KEYS[18] .. id
local dead = graves(KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15],
  KEYS[21], KEYS[22])
local state = redis.call('HMGET', replay, 'state', 'cursor', 'before')
if state[1] ~= 'running' or state[2] ~= ARGV[3] then return -1 end
local before = tonumber(state[3])

local moved, touched, by_day = 0, {}, {}
for i = 6, #ARGV do
  local letter = ARGV[i]
  local buried = tonumber(redis.call('ZSCORE', dead.at, letter) or math.huge)
  if buried < before then
    local partition, entry = letter:match('^(%d+)%-(.+)$')
    local user, delivery = dig_up(dead, letter)
    local goes = revive(KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], partition, entry, user, delivery, now)
    -- What waits for a retry takes no room from the next letters.
    redis.call('HSET', goes and KEYS[17] or KEYS[20], letter, id)
    local day = day_of(entry)
    moved, touched[partition], by_day[day] = moved + 1, true, (by_day[day] or 0) + 1
  end
end
for day, count in pairs(by_day) do
  count_day(KEYS[16], day, 'dead', -count)
  count_day(KEYS[16], day, 'retrying', count)
end
for partition in pairs(touched) do refresh(KEYS[1], KEYS[2], KEYS[3], partition, now, false) end
redis.call('HINCRBY', replay, 'replayed', moved)
redis.call('HSET', replay, 'cursor', after, 'stepped_at', ARGV[5])
if after == 'end' then redis.call('DEL', KEYS[19] .. id) end
return moved
