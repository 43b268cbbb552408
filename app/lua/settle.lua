#!lua flags=allow-oom
-- Records verdicts and lets go of their deliveries.
--
-- KEYS     1 holders  2 ready  3 counts  4 log:  5 due:  6 late:  7 dead  8 dead:at  9 answers
--          10 unmapped  11 unmapped:at  12 sending:  13 blocked:  14 order:  15 behind:
-- ARGV     1 now  2 token  3 sequence number, then for each delivery
--          partition, place ('log' or 'late'), entry, verb, wait in ms, payload, user; the verbs are
--          'delivered', 'skipped'
--          'retry'   try it again after the wait
--          'block'   the same, and its user's later deliveries wait for it
--          'behind'  it waits for its user's earlier delivery
--          'bury', 'park'  keep the payload as dead letter, or as unmapped
--          'unmark'  nothing was sent: it stays where it is
-- Returns  how many it acted on, or 'stale' when another pump took one of the partitions over;
--          nothing is changed then
--
-- A verdict acts only where it removed the entry itself, and what is deleted is deleted before
-- anything is written. A second run with the same number returns the first answer.
local now, token, number = clock(ARGV[1]), ARGV[2], ARGV[3]
local log, due, late = KEYS[4], KEYS[5], KEYS[6]
local sending, blocked, order, behind = KEYS[12], KEYS[13], KEYS[14], KEYS[15]
for i = 4, #ARGV, 7 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= token then return 'stale' end
end
local former = redis.call('HGET', KEYS[9], token)
if former then
  local last, answer = former:match('(%d+) (%d+)')
  if last == number then return tonumber(answer) end
end

local function remove(partition, place, entry)
  redis.call('HDEL', sending .. partition, entry)
  if place == 'log' then return redis.call('XDEL', log .. partition, entry) == 1 end
  redis.call('ZREM', due .. partition, entry)
  return redis.call('HDEL', late .. partition, entry) == 1
end

-- A user's deliveries stand together in `order`, each user's by their entries. The length before
-- the name keeps one user's range out of another's.
local function range_of(user)
  return #user .. ':' .. user .. ':'
end

local function queue_up(partition, entry, payload, user)
  local ms, sequence = entry:match('(%d+)-(%d+)')
  local place = string.format('%015.0f-%020.0f', tonumber(ms), tonumber(sequence))
  redis.call('HSET', behind .. partition, entry, payload)
  redis.call('ZADD', order .. partition, 0, range_of(user) .. place)
end

-- The first that waited behind a finished delivery takes its place, and is due at once.
local function move_up(partition, entry, user)
  if redis.call('HGET', blocked .. partition, user) ~= entry then return end
  local range = range_of(user)
  local first = redis.call('ZRANGE', order .. partition, '[' .. range, '(' .. range .. ';', 'BYLEX', 'LIMIT', 0, 1)[1]
  if not first then
    redis.call('HDEL', blocked .. partition, user)
    return
  end
  local ms, sequence = first:sub(#range + 1):match('(%d+)-(%d+)')
  local following = string.format('%.0f-%.0f', tonumber(ms), tonumber(sequence))
  local payload = redis.call('HGET', behind .. partition, following)
  redis.call('ZREM', order .. partition, first)
  redis.call('HDEL', behind .. partition, following)
  redis.call('HSET', late .. partition, following, payload)
  redis.call('ZADD', due .. partition, now, following)
  redis.call('HSET', blocked .. partition, user, following)
end

local function keep(hash, moments, partition, entry, payload)
  local letter = partition .. '-' .. entry
  redis.call('HSET', hash, letter, payload)
  redis.call('ZADD', moments, now, letter)
end

local tally = {}
local function record(partition, entry, verb, wait, payload, user)
  if verb == 'behind' then
    queue_up(partition, entry, payload, user)
  elseif verb == 'retry' or verb == 'block' then
    redis.call('HSET', late .. partition, entry, payload)
    redis.call('ZADD', due .. partition, now + tonumber(wait), entry)
    if verb == 'block' then redis.call('HSET', blocked .. partition, user, entry) end
  else
    if verb == 'bury' then
      keep(KEYS[7], KEYS[8], partition, entry, payload)
    elseif verb == 'park' then
      keep(KEYS[10], KEYS[11], partition, entry, payload)
    else
      tally[verb] = (tally[verb] or 0) + 1
    end
    move_up(partition, entry, user)
  end
end

local acted, touched = 0, {}
for i = 4, #ARGV, 7 do
  local partition, place, entry, verb = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if verb == 'unmark' then
    acted = acted + redis.call('HDEL', sending .. partition, entry)
  elseif remove(partition, place, entry) then
    acted = acted + 1
    touched[partition] = true
    record(partition, entry, verb, ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
  end
end
for verb, count in pairs(tally) do redis.call('HINCRBY', KEYS[3], verb, count) end
for partition in pairs(touched) do refresh(KEYS[2], log, due, partition, now, false) end
redis.call('HSET', KEYS[9], token, number .. ' ' .. acted)
return acted
