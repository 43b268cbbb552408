#!lua flags=no-writes
-- Lists flags, the newest first.
--
-- KEYS     1 flags  2 flags:at  3 flags:users
-- ARGV     1 now  2 how many at most  3 behind which place, '' from the newest: when its event was
--          accepted  4 and its flag  5 of which user; without it of all
-- Returns  {1, or 0 when flags and the sets that name them are not as many, as an older release
--          leaves them; the place of the last one, '' and '' when none follows; then each flag}
local most, moment, last = tonumber(ARGV[2]), ARGV[3], ARGV[4]

-- Flags of events of one millisecond stand in the order of their ids.
local function first_behind()
  if moment == '' then return 0 end
  local low = redis.call('ZCOUNT', KEYS[2], '(' .. moment, '+inf')
  local high = low + redis.call('ZCOUNT', KEYS[2], moment, moment)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZRANGE', KEYS[2], middle, middle, 'REV')[1] < last then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function of_all()
  local first, places = first_behind(), {}
  local found = redis.call('ZRANGE', KEYS[2], first, first + most, 'REV', 'WITHSCORES')
  for i = 1, #found, 2 do places[#places + 1] = { id = found[i], at = tonumber(found[i + 1]) } end
  return places
end

-- A user has one for each matter of the destination: a handful.
local USER_MAX = 1000
local function of_user(user)
  local range, places = range_of(user), {}
  local behind = { at = tonumber(moment) or math.huge, id = last }
  local function newer(a, b) return a.at > b.at or a.at == b.at and a.id > b.id end
  local names = redis.call('ZRANGE', KEYS[3], '[' .. range, '(' .. range:sub(1, -2) .. ';', 'BYLEX',
    'LIMIT', 0, USER_MAX)
  for _, name in ipairs(names) do
    local id = name:sub(#range + 1)
    local place = { at = tonumber(redis.call('ZSCORE', KEYS[2], id) or 0), id = id }
    if newer(behind, place) then places[#places + 1] = place end
  end
  table.sort(places, newer)
  return places
end

local number = redis.call('HLEN', KEYS[1])
local named = redis.call('ZCARD', KEYS[2]) == number and redis.call('ZCARD', KEYS[3]) == number
local places = ARGV[5] and of_user(ARGV[5]) or of_all()
local answer = { named and 1 or 0, '', '' }
if #places > most then
  answer[2], answer[3] = string.format('%.0f', places[most].at), places[most].id
end
for i = 1, math.min(most, #places) do
  local kept = redis.call('HGET', KEYS[1], places[i].id)
  if kept then answer[#answer + 1] = kept end
end
return answer
