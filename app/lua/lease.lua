#!lua flags=allow-oom
-- Gives a pump the right to move free partitions: those that are due first, then empty ones, so
-- that what arrives while it lingers needs no wake. It gets its share of both halves: the first has
-- live deliveries, the second bulk.
--
-- KEYS     1 ready  2 leases  3 holders  4 pumps  5 throttle  6 wake  7 answers
--          8 deaths  9 alone  10 figures
-- ARGV     1 now  2 token  3 length of the lease in ms  4 partitions
--          5 share of each half  6 pumps at most
-- Returns  {'held', until} | {'full'} | {'leased', 1 when due ones are left and a wake is to be sent
--          for them, most pumps in a row that died holding one of them, what the throttle wants (the
--          sum of 1 ask it before each request, 2 send one at a time until something is delivered,
--          4 send the probe first), what pumps remember of it, partition...}, those first in which a pump died with one
--          delivery alone, then others in which one died, and live ones before bulk; without one
--          there is nothing to do
--
-- After a hold one pump alone is let in, for as long as its leases run.
--
-- A second run with the same token keeps what it has. A crash after it leaves leases that end: who
-- takes over what was not released counts a death.
local now, token, length = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local partitions, share, pumps_max = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local ready, leases, holders, pumps = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

redis.call('DEL', KEYS[6])
local held = held_until(KEYS[5], now)
if probed(KEYS[5], pumps, token, now) then held = math.max(held, now + 1000) end
if held > 0 then return { 'held', string.format('%.0f', held) } end

local ends = redis.call('ZRANGE', pumps, 0, -1, 'WITHSCORES')
for i = 1, #ends, 2 do
  local over = tonumber(ends[i + 1]) <= now or tonumber(ends[i + 1]) > now + LEASE_MAX_MS
  if over and ends[i] ~= token then
    redis.call('ZREM', pumps, ends[i])
    redis.call('HDEL', KEYS[7], ends[i])
  end
end
if not redis.call('ZSCORE', pumps, token) and redis.call('ZCARD', pumps) >= pumps_max then
  return { 'full' }
end

local mine, taken, left, counts = {}, {}, 0, { 0, 0 }
local function half(partition)
  return tonumber(partition) < partitions / 2 and 1 or 2
end

local function take(partition)
  partition = tostring(partition)
  if taken[partition] then return end
  if counts[half(partition)] >= share then
    left = 1
    return
  end
  taken[partition] = true
  mine[#mine + 1] = partition
  counts[half(partition)] = counts[half(partition)] + 1
end

local held_by = redis.call('HGETALL', holders)
for i = 1, #held_by, 2 do
  if held_by[i + 1] == token then take(held_by[i]) end
end
for _, partition in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE')) do
  if taken[partition] or not leased(leases, partition, now) then take(partition) end
end
if #mine == 0 then return { 'leased', 0, 0, 0, '' } end
for partition = 0, partitions - 1 do
  if counts[half(partition)] < share and not leased(leases, partition, now) then take(partition) end
end

local deaths = 0
for _, partition in ipairs(mine) do
  local former = redis.call('HGET', holders, partition)
  if former and former ~= token then
    redis.call('HDEL', KEYS[7], former)
    redis.call('HINCRBY', KEYS[8], partition, 1)
  end
  deaths = math.max(deaths, tonumber(redis.call('HGET', KEYS[8], partition) or 0))
  redis.call('HSET', holders, partition, token)
  redis.call('ZADD', leases, now + length, partition)
end
if not redis.call('ZSCORE', pumps, token) then redis.call('HINCRBY', KEYS[10], 'pumps', 1) end
redis.call('ZADD', pumps, now + length, token)
if redis.call('ZCARD', pumps) >= pumps_max then left = 0 end
local wants = limited_rate(KEYS[5], now) and 1 or 0
if half_open(KEYS[5]) then
  redis.call('HSET', KEYS[5], 'prober', token)
  wants, left = wants + 2 + (redis.call('HEXISTS', KEYS[5], 'probe') == 1 and 4 or 0), 0
end
if left == 1 then
  redis.call('SET', KEYS[6], now)
  redis.call('HINCRBY', KEYS[10], 'wakes', 1)
end
local answer = { 'leased', left, deaths, wants, redis.call('HGET', KEYS[5], 'score') or '' }
local function rank(partition)
  if redis.call('HEXISTS', KEYS[9], partition) == 1 then return half(partition) end
  return half(partition) + (redis.call('HEXISTS', KEYS[8], partition) == 1 and 2 or 4)
end
for place = 1, 6 do
  for _, partition in ipairs(mine) do
    if rank(partition) == place then answer[#answer + 1] = tonumber(partition) end
  end
end
return answer
