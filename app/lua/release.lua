#!lua flags=allow-oom
-- Gives a pump's partitions back; what is not empty goes behind the others that wait.
--
-- KEYS     1 holders  2 leases  3 ready  4 pumps  5 answers  6 log:  7 due:  8 throttle  9 wake
--          10 deaths  11 alone  12 figures
-- ARGV     1 now  2 token  3 pumps at most  4 what it adds to the figures, packed: {name = number,
--          ...}, then the partitions that are cleared
-- Returns  1 when due work is left and a wake is to be sent, else 0
--
-- The deaths of pumps are forgotten where this one worked and lived, and where nothing is due that
-- could kill; elsewhere they stay, and what it had alone is not held against that. A wake that is on
-- its way will do. A second run finds nothing to give back.
local now, token = clock(ARGV[1]), ARGV[2]
local cleared = {}
for i = 5, #ARGV do cleared[ARGV[i]] = true end

local function absolve(partition)
  local due = redis.call('XLEN', KEYS[6] .. partition) + redis.call('ZCOUNT', KEYS[7] .. partition, '-inf', now)
  if cleared[partition] or due == 0 then
    redis.call('HDEL', KEYS[10], partition)
    redis.call('HDEL', KEYS[11], partition)
    return
  end
  local entry, holder, deaths = (redis.call('HGET', KEYS[11], partition) or ''):match('(%S+) (%S+) (%d+)')
  if holder == token then redis.call('HSET', KEYS[11], partition, entry .. ' - ' .. deaths) end
end

local held_by = redis.call('HGETALL', KEYS[1])
for i = 1, #held_by, 2 do
  if held_by[i + 1] == token then
    redis.call('HDEL', KEYS[1], held_by[i])
    redis.call('ZREM', KEYS[2], held_by[i])
    absolve(held_by[i])
    refresh(KEYS[3], KEYS[6], KEYS[7], held_by[i], now, true)
  end
end
if redis.call('ZREM', KEYS[4], token) == 1 then
  for name, by in pairs(cmsgpack.unpack(ARGV[4])) do redis.call('HINCRBY', KEYS[12], name, by) end
end
redis.call('HDEL', KEYS[5], token)
if not wanted(KEYS[3], KEYS[2], KEYS[4], KEYS[8], now, tonumber(ARGV[3])) then return 0 end
if redis.call('EXISTS', KEYS[9]) == 1 then return 0 end
redis.call('SET', KEYS[9], now)
redis.call('HINCRBY', KEYS[12], 'wakes', 1)
return 1
