#!lua flags=allow-oom
-- How much of what is unmapped may move now, for rules that are new. Begins a run over all unmapped
-- when rules were added since the last one began, and ends it once it has looked at all.
--
-- KEYS     1 throttle  2 rules:state  3 replay:unmapped  4 replaying  5 unmapped:at
-- ARGV     1 now  2 events a second  3 why none may move now, '' when nothing keeps them
-- Returns  {} when there is nothing to do, else {version of the rules that were added last, what is
--          new of the run ('began', 'ended' or ''), events that it may move, its cursor, until when
--          the pace is used up by them}
--
-- A second run gives the same right, which the cursor lets one caller use; news it has none.
local now, rate = clock(ARGV[1]), tonumber(ARGV[2])
local run = KEYS[3]
local added = redis.call('HGET', KEYS[2], 'added')
if not added then return {} end

local news = ''
if redis.call('HGET', run, 'version') ~= added then
  local total = redis.call('ZCARD', KEYS[5])
  redis.call('HSET', run, 'version', added, 'state', total > 0 and 'running' or 'done', 'cursor', '-1',
    'total', total, 'looked', 0, 'taken', 0, 'began_at', string.format('%.0f', now),
    'stepped_at', string.format('%.0f', now), 'standing', '')
  redis.call('HDEL', run, 'ended_at')
  news = 'began'
end
local state = redis.call('HMGET', run, 'state', 'cursor', 'stepped_at', 'standing')
if state[1] ~= 'running' then return {} end
if state[2] == 'end' then
  redis.call('HSET', run, 'state', 'done', 'ended_at', string.format('%.0f', now), 'standing', '')
  return { added, 'ended', 0, 'end', '' }
end

local under_way = redis.call('HLEN', KEYS[4])
local most, standing = most_under_way(KEYS[1], now, rate)
if ARGV[3] ~= '' then most, standing = 0, ARGV[3] end
local room = math.max(0, most - under_way)
if standing == '' and room == 0 then standing = 'waits for ' .. under_way .. ' that are under way' end
if standing ~= (state[4] or '') then redis.call('HSET', run, 'standing', standing) end
local allowed, used = allowed_since(tonumber(state[3]), now, rate)
return { added, news, math.min(room, allowed), state[2], string.format('%.3f', used) }
