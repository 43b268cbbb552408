#!lua
-- Makes the sets that name dead letters by user and by event tell the truth about some of them: a
-- worker of an older release, which knows nothing of these sets, leaves letters that they do not
-- name, and names of letters that have gone.
--
-- KEYS     1 dead  2 dead:at  3 dead:users  4 dead:events
-- ARGV     1 now  2 how many of each to look at  3 the place of the letter after which to look on,
--          -1 at first  4 the member of dead:users after which to look on, '' at first  5 the same
--          of dead:events; each is 'end' once all were looked at
-- Returns  {how many names were added or taken away, the last three as they are from now on}
--
-- A second run finds nothing to mend.
local most, after, mended = tonumber(ARGV[2]), ARGV[3], 0
local sets = { KEYS[3], KEYS[4] }

-- The user and the event of a letter; nil without it.
local function names_of(letter)
  local packed = redis.call('HGET', KEYS[1], letter)
  if not packed then return nil end
  local what = cmsgpack.unpack(packed)
  return { what[4], what[8] }
end

local function add(letter, moment)
  for which, name in ipairs(names_of(letter) or {}) do
    mended = mended + redis.call('ZADD', sets[which], 0, spelled(name, moment, letter))
  end
end

local function is_right(member, which)
  local letter = member:match('.*:(.+)')
  local names, moment = names_of(letter), redis.call('ZSCORE', KEYS[2], letter)
  return names and moment and member == spelled(names[which], moment, letter)
end

-- Takes away what is wrong of the next members of a set; the last of them.
local function clean(which, member)
  if member == 'end' then return member end
  local low = member == '' and '-' or '(' .. member
  local found = redis.call('ZRANGE', sets[which], low, '+', 'BYLEX', 'LIMIT', 0, most)
  for _, one in ipairs(found) do
    if not is_right(one, which) then mended = mended + redis.call('ZREM', sets[which], one) end
  end
  return #found < most and 'end' or found[#found]
end

local users, events = clean(1, ARGV[4]), clean(2, ARGV[5])
if after ~= 'end' then
  local found = redis.call('ZRANGE', KEYS[2], '(' .. after, '+inf', 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
  for i = 1, #found, 2 do add(found[i], found[i + 1]) end
  after = #found < 2 * most and 'end' or found[#found]
end
return { mended, after, users, events }
