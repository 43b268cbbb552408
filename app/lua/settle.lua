#!lua flags=allow-oom
-- Records verdicts and lets go of their deliveries.
--
-- KEYS     1 holders  2 ready  3 counts  4 log:  5 due:  6 late:  7 answers  8 sending:  9 blocked:
--          10 order:  11 behind:  12 unmapped  13 unmapped:at  14 dead  15 dead:deliveries
--          16 dead:at  17 dead:ids  18 dead:groups  19 dead:latest  20 dead:group:
--          21 dead:reasons  22 day:  23 replaying  24 replay:  25 settled  26 throttle
--          27 shown  28 flags  29 rules:state  30 rules:matches
--          31 retried  32 hour:  33 figures  34 dead:told  35 dead:users
--          36 dead:events  37 flags:at  38 flags:users
-- ARGV     1 now  2 token  3 sequence number  4 what the ring of the newest settled keeps of this
--          ('' for nothing)  5 what is counted of it, packed: {bounds of latencies in ms, groups
--          {name of the event, what became of it, 'live' or 'bulk' of what is delivered}, for each
--          delivery its group (from 1, 0 for none)}, then for each delivery
--          partition, place ('log' or 'late'), entry, verb, wait in ms (once it is finished or
--          buried, the rules that matched it, with spaces between), payload, user, with
--          'bury' the letter, and with 'park' the version of the rules; the verbs are
--          'delivered'  the payload is empty, or what it says of its user's flags
--          'skipped'
--          'filtered', 'before_cutover', 'dry_run'  skipped as well, and counted by this name
--                    beside; the payload of 'dry_run' is what would have been sent, to be shown
--          'retry'   try it again after the wait
--          'block'   the same, and its user's later deliveries wait for it
--          'behind'  it waits for its user's earlier delivery
--          'bury'    keep the payload as dead letter
--          'park'    keep the payload as unmapped, unless the rules are another version by now: it
--                    stays where it is then, to be looked at again
--          'unmark'  nothing was sent: it stays where it is
-- Returns  {how many it acted on, how many it refused to park, the index (from 0) of each of those,
--          then for each new group that is to be told the index of its first letter and 1, or 0 when
--          too many are new}, or 'stale' when another pump took one of the partitions over; nothing
--          is changed then
--
-- Of all pumps the one that hears of a new group tells it. If it dies before it does, nobody does:
-- the group is there all the same. A group that comes back within a day is not told again.
--
-- A verdict acts only where it removed the entry itself, and what is deleted is deleted before
-- anything is written. A second run with the same number returns the first answer.
local SETTLED_MAX, SHOWN_MAX = 500, 100
local NAMES_MAX, OTHER, HOURS_KEPT = 200, 'other', 216
local TOTALS = { buried = true, retried = true, delivered_after_retry = true }
local WAITS = { retry = true, block = true, behind = true }
local SKIPS = { filtered = true, before_cutover = true, dry_run = true }

local now, token, number = clock(ARGV[1]), ARGV[2], ARGV[3]
local log, due, late = KEYS[4], KEYS[5], KEYS[6]
local sending, blocked, order, behind = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local dead = graves(KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19], KEYS[20], KEYS[21],
  KEYS[35], KEYS[36])
local days, replaying, replays, retried = KEYS[22], KEYS[23], KEYS[24], KEYS[31]
local replayed = redis.call('EXISTS', replaying, retried) > 0

local function following(i)
  local verb = ARGV[i + 3]
  return (verb == 'bury' or verb == 'park') and i + 8 or i + 7
end

local i = 6
while i <= #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= token then return 'stale' end
  i = following(i)
end
local former = redis.call('HGET', KEYS[7], token)
if former then
  local last, words = former:match('(%d+) (.+)')
  if last == number then
    local answer = {}
    for word in words:gmatch('%d+') do answer[#answer + 1] = tonumber(word) end
    return answer
  end
end

local function remove(partition, place, entry)
  redis.call('HDEL', sending .. partition, entry)
  if place == 'log' then return redis.call('XDEL', log .. partition, entry) == 1 end
  redis.call('ZREM', due .. partition, entry)
  return redis.call('HDEL', late .. partition, entry) == 1
end

local function wait_for_retry(partition, entry, wait, payload)
  redis.call('HSET', late .. partition, entry, payload)
  redis.call('ZADD', due .. partition, now + tonumber(wait), entry)
end

-- Its user may wait for another one already, when an operator replayed this one meanwhile.
local function block(partition, entry, wait, payload, user)
  local first = redis.call('HGET', blocked .. partition, user)
  if first and first ~= entry then
    queue_up(order, behind, partition, entry, payload, user)
    return
  end
  wait_for_retry(partition, entry, wait, payload)
  redis.call('HSET', blocked .. partition, user, entry)
end

-- What its user's others wait for cannot wait for them, and what has nothing before it may go.
local function stand_behind(partition, entry, payload, user)
  local first = redis.call('HGET', blocked .. partition, user)
  if first and first ~= entry then
    queue_up(order, behind, partition, entry, payload, user)
  else
    wait_for_retry(partition, entry, 0, payload)
  end
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
  local next_entry = entry_at(first:sub(#range + 1))
  local payload = redis.call('HGET', behind .. partition, next_entry)
  redis.call('ZREM', order .. partition, first)
  redis.call('HDEL', behind .. partition, next_entry)
  redis.call('HSET', late .. partition, next_entry, payload)
  redis.call('ZADD', due .. partition, now, next_entry)
  redis.call('HSET', blocked .. partition, user, next_entry)
end

-- What waits for a retry makes room for the next letter of a replay; it still counts for its own.
local function make_room(letter)
  local replay = redis.call('HGET', replaying, letter)
  if not replay then return end
  redis.call('HDEL', replaying, letter)
  redis.call('HSET', retried, letter, replay)
end

local function count_replay(letter, verb)
  local replay = redis.call('HGET', replaying, letter) or redis.call('HGET', retried, letter)
  if not replay then return end
  redis.call('HDEL', replaying, letter)
  redis.call('HDEL', retried, letter)
  if redis.call('EXISTS', replays .. replay) == 1 then
    redis.call('HINCRBY', replays .. replay, verb, 1)
  end
end

-- What a delivered one says of its user's flags: {when it was accepted, {{flag, word, JSON}, ...}}.
-- 'raise' is always kept, 'note' while there is room, 'lift' ends one. What is newer stands.
local FLAGS_MAX = 10000
local function flag(said, user)
  local accepted_at, marks = said[1], said[2]
  for _, mark in ipairs(marks) do
    local id, word, text = mark[1], mark[2], mark[3]
    local kept = redis.call('HGET', KEYS[28], id)
    local newer = kept and cjson.decode(kept).accepted_at > accepted_at
    if word == 'lift' then
      if kept and not newer then lift_flag(KEYS[28], KEYS[37], KEYS[38], id, user) end
    elseif word == 'raise' and not newer
      or word == 'note' and not kept and redis.call('HLEN', KEYS[28]) < FLAGS_MAX then
      redis.call('HSET', KEYS[28], id, text)
      name_flag(KEYS[37], KEYS[38], id, user, accepted_at)
    end
  end
end

-- Whether a new group is to be told: 1, or 0 when it is one too many, which is told once in a day.
local TOLD_MS, TOLD_MAX = 86400000, 50
local function to_be_told(group)
  redis.call('ZREMRANGEBYSCORE', KEYS[34], '-inf', now - TOLD_MS)
  redis.call('ZREMRANGEBYSCORE', KEYS[34], '(' .. now + TOLD_MS, '+inf') -- the clock was set back
  local told = redis.call('ZCARD', KEYS[34])
  if told > TOLD_MAX or redis.call('ZADD', KEYS[34], 'NX', now, group) == 0 then return nil end
  redis.call('PEXPIRE', KEYS[34], TOLD_MS)
  return told < TOLD_MAX and 1 or 0
end

local opened = {}
local function record(partition, entry, verb, i, index)
  local wait, payload, user = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  local letter = partition .. '-' .. entry
  if replayed and WAITS[verb] then make_room(letter) end
  if verb == 'behind' then
    stand_behind(partition, entry, payload, user)
  elseif verb == 'retry' then
    wait_for_retry(partition, entry, wait, payload)
  elseif verb == 'block' then
    block(partition, entry, wait, payload, user)
  else
    if verb == 'bury' then
      local group = bury(dead, letter, ARGV[i + 7], payload, now)
      local news = group and to_be_told(group)
      if news then
        opened[#opened + 1] = index
        opened[#opened + 1] = news
      end
    elseif verb == 'dry_run' then
      redis.call('LPUSH', KEYS[27], payload)
      redis.call('LTRIM', KEYS[27], 0, SHOWN_MAX - 1)
    elseif verb == 'park' then
      local top = redis.call('ZRANGE', KEYS[13], -1, -1, 'WITHSCORES')[2]
      local moment = string.format('%.0f', math.max(now * 1000, tonumber(top or 0) + 1))
      redis.call('HSET', KEYS[12], letter, payload)
      redis.call('ZADD', KEYS[13], moment, letter)
    elseif verb == 'delivered' and payload ~= '' then
      flag(cmsgpack.unpack(payload), user)
    end
    if wait ~= '0' then
      for rule in wait:gmatch('%S+') do redis.call('HINCRBY', KEYS[30], rule, 1) end
    end
    if replayed then count_replay(letter, SKIPS[verb] and 'skipped' or verb) end
    move_up(partition, entry, user)
  end
end

-- What a verb adds to the ledger of the day, and the two that are finished to the whole as well.
local STANDS = { retry = 'retrying', block = 'retrying', behind = 'retrying', bury = 'dead', park = 'unmapped',
  delivered = 'delivered', skipped = 'skipped' }
for verb in pairs(SKIPS) do STANDS[verb] = 'skipped' end
local tally, skips = {}, {}
local function count(accepted, place, verb)
  local day = math.floor(accepted / 86400000)
  local counts = tally[day] or { retrying = 0, dead = 0, unmapped = 0, delivered = 0, skipped = 0 }
  if place == 'late' then counts.retrying = counts.retrying - 1 end
  counts[STANDS[verb]] = counts[STANDS[verb]] + 1
  tally[day] = counts
  if SKIPS[verb] then skips[verb] = (skips[verb] or 0) + 1 end
end

-- What the statistics are to count: verdicts that acted by their groups, and how long it took from
-- acceptance until a delivery, by lane and bound.
local bounds, groups, group_of = unpack(cmsgpack.unpack(ARGV[5]))
local grouped, noted, took, bucket = {}, {}, { live = {}, bulk = {} }, 1
local function note(index, accepted)
  local group = group_of[index + 1]
  if group == 0 then return end
  local before = grouped[group] or 0
  if before == 0 then noted[#noted + 1] = group end
  grouped[group] = before + 1
  local times = took[groups[group][3]]
  if not times then return end
  local latency = math.max(0, now - accepted)
  if bucket > 1 and latency <= bounds[bucket - 1] then bucket = 1 end
  while bounds[bucket] and latency > bounds[bucket] do bucket = bucket + 1 end
  local bound = bounds[bucket] or 'inf'
  times[bound], times.sum = (times[bound] or 0) + 1, (times.sum or 0) + latency
end

-- Adds to what became of the events of a name in this hour. Once an hour knows enough names, the
-- others are one.
local hour = KEYS[32] .. string.format('%.0f', math.floor(now / 3600000))
local function count_name(name, fates)
  local kept = redis.call('HGET', hour, name)
  if not kept and redis.call('HLEN', hour) >= NAMES_MAX then
    name = OTHER
    kept = redis.call('HGET', hour, name)
  end
  local counts = kept and cmsgpack.unpack(kept) or {}
  for fate, by in pairs(fates) do counts[fate] = (counts[fate] or 0) + by end
  redis.call('HSET', hour, name, cmsgpack.pack(counts))
end

local function count_statistics()
  local names, fates, totals = {}, {}, {}
  for _, group in ipairs(noted) do
    local by, name, fate = grouped[group], groups[group][1], groups[group][2]
    if not fates[name] then
      names[#names + 1], fates[name] = name, {}
    end
    fates[name][fate] = (fates[name][fate] or 0) + by
    local word = fate:gsub('^later:', '')
    if TOTALS[word:match('^[^:]+')] then totals[word] = (totals[word] or 0) + by end
  end
  for _, name in ipairs(names) do count_name(name, fates[name]) end
  if names[1] then redis.call('EXPIRE', hour, HOURS_KEPT * 3600, 'NX') end
  for lane, times in pairs(took) do
    for bound, by in pairs(times) do
      redis.call('HINCRBY', KEYS[33], 'latency:' .. lane .. ':' .. bound, by)
    end
  end
  for field, by in pairs(totals) do redis.call('HINCRBY', KEYS[3], field, by) end
end

local version = redis.call('HGET', KEYS[29], 'version') or '0'
local acted, index, refused, touched = 0, 0, {}, {}
i = 6
while i <= #ARGV do
  local partition, place, entry, verb = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if verb == 'unmark' then
    acted = acted + redis.call('HDEL', sending .. partition, entry)
  elseif verb == 'park' and ARGV[i + 7] ~= version then
    refused[#refused + 1] = index
  elseif remove(partition, place, entry) then
    acted = acted + 1
    touched[partition] = true
    record(partition, entry, verb, i, index)
    local accepted = tonumber(entry:match('^%d+'))
    count(accepted, place, verb)
    note(index, accepted)
  end
  index = index + 1
  i = following(i)
end
for number, counts in pairs(tally) do
  local day = string.format('%.0f', number)
  for name, by in pairs(counts) do count_day(days, day, name, by) end
  for _, name in ipairs({ 'delivered', 'skipped' }) do
    if counts[name] > 0 then redis.call('HINCRBY', KEYS[3], name, counts[name]) end
  end
  if counts.delivered > 0 then count_taken(KEYS[26], now, counts.delivered) end
end
for verb, by in pairs(skips) do redis.call('HINCRBY', KEYS[3], verb, by) end
count_statistics()
for partition in pairs(touched) do refresh(KEYS[2], log, due, partition, now, false) end
if ARGV[4] ~= '' then
  redis.call('LPUSH', KEYS[25], string.format('%.0f ', now) .. ARGV[4])
  redis.call('LTRIM', KEYS[25], 0, SETTLED_MAX - 1)
end
local answer = { acted, #refused }
for _, place in ipairs(refused) do answer[#answer + 1] = place end
for _, word in ipairs(opened) do answer[#answer + 1] = word end
redis.call('HSET', KEYS[7], token, number .. ' ' .. table.concat(answer, ' '))
return answer
