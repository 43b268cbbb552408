#!lua flags=allow-oom
-- Records verdicts and lets go of their deliveries.
--
-- KEYS     1 holders  2 ready  3 counts  4 log:  5 due:  6 late:  7 dead  8 dead:at  9 answers
-- ARGV     1 now  2 token  3 sequence number, then for each delivery
--          partition, place ('log' or 'late'), entry, verb, due, payload; the verbs are
--          'delivered', 'skipped', 'retry' (due and payload), 'bury' (payload)
-- Returns  how many it acted on, or 'stale' when another pump took one of the partitions over;
--          nothing is changed then
--
-- A verdict acts only where it removed the entry itself, and what is deleted is deleted before
-- anything is written. A second run with the same number returns the first answer.
local now, token, number = clock(ARGV[1]), ARGV[2], ARGV[3]
local log, due, late = KEYS[4], KEYS[5], KEYS[6]
for i = 4, #ARGV, 6 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= token then return 'stale' end
end
local former = redis.call('HGET', KEYS[9], token)
if former then
  local last, answer = former:match('(%d+) (%d+)')
  if last == number then return tonumber(answer) end
end

local function remove(partition, place, entry)
  if place == 'log' then return redis.call('XDEL', log .. partition, entry) == 1 end
  redis.call('ZREM', due .. partition, entry)
  return redis.call('HDEL', late .. partition, entry) == 1
end

local acted, touched, tally = 0, {}, {}
for i = 4, #ARGV, 6 do
  local partition, entry, verb = ARGV[i], ARGV[i + 2], ARGV[i + 3]
  if remove(partition, ARGV[i + 1], entry) then
    acted = acted + 1
    touched[partition] = true
    if verb == 'retry' then
      redis.call('HSET', late .. partition, entry, ARGV[i + 5])
      redis.call('ZADD', due .. partition, ARGV[i + 4], entry)
    elseif verb == 'bury' then
      local letter = partition .. '-' .. entry
      redis.call('HSET', KEYS[7], letter, ARGV[i + 5])
      redis.call('ZADD', KEYS[8], now, letter)
    else
      tally[verb] = (tally[verb] or 0) + 1
    end
  end
end
for verb, count in pairs(tally) do redis.call('HINCRBY', KEYS[3], verb, count) end
for partition in pairs(touched) do refresh(KEYS[2], log, due, partition, now, false) end
redis.call('HSET', KEYS[9], token, number .. ' ' .. acted)
return acted
