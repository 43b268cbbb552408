#!lua flags=allow-oom
-- Puts the parts of a delivery in its place, due at once: each is a delivery of its own from now on.
--
-- KEYS     1 holders  2 ready  3 counts  4 log:  5 due:  6 late:  7 blocked:  8 day:  9 replaying
--          10 rules:matches  11 retried
-- ARGV     1 now  2 token, then for each delivery
--          partition, place ('log' or 'late'), entry, user, the rules that matched it (with spaces
--          between), number of parts, payload of each part
-- Returns  for each delivery 1, or 0 when it is not there any more; 'stale' when another pump took
--          one of the partitions over, and nothing is changed then
--
-- Part k of an entry is the entry with `.k` behind it. Each part beyond the first counts as accepted
-- too, so that the ledger adds up. It acts only where it removed the delivery itself, before it
-- writes: a second run acts on none. In a replay the last part stands for the letter, and those of
-- its user that waited for the delivery wait for the last part.
local now, token = clock(ARGV[1]), ARGV[2]
local log, due, late, blocked = KEYS[4], KEYS[5], KEYS[6], KEYS[7]

local i = 3
while i <= #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= token then return 'stale' end
  i = i + 6 + tonumber(ARGV[i + 5])
end

local function remove(partition, place, entry)
  if place == 'log' then return redis.call('XDEL', log .. partition, entry) == 1 end
  redis.call('ZREM', due .. partition, entry)
  return redis.call('HDEL', late .. partition, entry) == 1
end

local function inherit(partition, user, entry, last)
  if redis.call('HGET', blocked .. partition, user) == entry then
    redis.call('HSET', blocked .. partition, user, last)
  end
  local letter = partition .. '-' .. entry
  for _, replaying in ipairs({ KEYS[9], KEYS[11] }) do
    local replay = redis.call('HGET', replaying, letter)
    if replay then
      redis.call('HDEL', replaying, letter)
      redis.call('HSET', replaying, partition .. '-' .. last, replay)
    end
  end
end

local answer, touched = {}, {}
i = 3
while i <= #ARGV do
  local partition, place, entry, user, parts = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 5])
  local found = remove(partition, place, entry)
  answer[#answer + 1] = found and 1 or 0
  if found then
    for k = 1, parts do
      redis.call('HSET', late .. partition, entry .. '.' .. k, ARGV[i + 5 + k])
      redis.call('ZADD', due .. partition, now, entry .. '.' .. k)
    end
    inherit(partition, user, entry, entry .. '.' .. parts)
    touched[partition] = true
    for rule in ARGV[i + 4]:gmatch('%S+') do redis.call('HINCRBY', KEYS[10], rule, 1) end
    redis.call('HINCRBY', KEYS[3], 'accepted', parts - 1)
    redis.call('HINCRBY', KEYS[3], 'parts', parts - 1)
    count_day(KEYS[8], day_of(entry), 'accepted', parts - 1)
    count_day(KEYS[8], day_of(entry), 'retrying', place == 'late' and parts - 1 or parts)
  end
  i = i + 6 + parts
end
for partition in pairs(touched) do refresh(KEYS[2], log, due, partition, now, false) end
return answer
