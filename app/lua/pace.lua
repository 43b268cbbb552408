#!lua flags=allow-oom
-- How many letters the replay that runs may move now. Ends it once none is left and none under way.
--
-- KEYS     1 throttle  2 replays  3 replay:  4 replaying  5 retried
-- ARGV     1 now
-- Returns  {} when there is nothing to do and nothing to tell, else {replay, what is new of it
--          ('began', 'ended' or ''), letters that it may move, its cursor, until when the pace is
--          used up by them}
--
-- A second run gives the same right, which the cursor lets one caller use; news it has none.
local now = clock(ARGV[1])
local id = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
if not id then return {} end
local replay, state = KEYS[3] .. id, {}
local read = redis.call('HGETALL', KEYS[3] .. id)
for i = 1, #read, 2 do state[read[i]] = read[i + 1] end
local under_way_of_all, retried = redis.call('HLEN', KEYS[4]), redis.call('HLEN', KEYS[5])

local function told(news)
  redis.call('HSET', replay, 'told', news)
  return { id, news, 0, state.cursor, '' }
end

local function under_way()
  local left = tonumber(state.replayed or 0)
  for _, verb in ipairs({ 'delivered', 'skipped', 'bury', 'park' }) do
    left = left - tonumber(state[verb] or 0)
  end
  return math.min(left, under_way_of_all + retried)
end

if state.state ~= 'running' then return state.told ~= 'ended' and told('ended') or {} end
if state.cursor == 'end' and under_way() <= 0 then
  redis.call('HSET', replay, 'state', 'done', 'ended_at', string.format('%.0f', now), 'standing', '')
  return told('ended')
end
local news = ''
if not state.told then
  news = 'began'
  redis.call('HSET', replay, 'told', news)
end

local rate = tonumber(state.rate)
local most, standing = most_under_way(KEYS[1], now, rate)
local room = math.max(0, most - under_way_of_all)
if state.cursor == 'end' then room = 0 end
if standing == '' and room == 0 then
  standing = 'waits for ' .. under_way_of_all .. ' that are under way'
  if under_way_of_all == 0 then standing = 'waits for ' .. retried .. ' that are tried again later' end
end
if standing ~= (state.standing or '') then redis.call('HSET', replay, 'standing', standing) end

local allowed, used = allowed_since(tonumber(state.stepped_at), now, rate)
return { id, news, math.min(room, allowed), state.cursor, string.format('%.3f', used) }
