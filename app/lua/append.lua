#!lua
-- Appends deliveries to their partitions, each unless its digest was seen within the window.
--
-- KEYS     1 ready  2 counts  3 wake  4 throttle  5 pumps  6 leases  7 seen  8 seen:  9 log:
--          10 day:  11 figures
-- ARGV     1 now  2 window in ms  3 pumps at most, then for each delivery
--          partition, bucket bits (32), digest (signed 64 bits), id, source, user, event
-- Returns  {1 when a wake is to be sent, then the index (from 0) of each duplicate}
--
-- A crash before it leaves nothing, after it everything. A second run finds every digest and
-- appends nothing. A store over its memory mark refuses it before the first write.
local FIRST_BUCKETS, BUCKET_SIZE, BUCKETS_MAX = 4096, 256, 1048576
-- A wake that got lost is the tick's business; without workers the queue must not grow with events.
local WAKE_PATIENCE_MS = 30000

local now, window = clock(ARGV[1]), tonumber(ARGV[2])
local ready, wake, leases, seen, digests, log = KEYS[1], KEYS[3], KEYS[6], KEYS[7], KEYS[8], KEYS[9]

local function next_buckets(count)
  local buckets = FIRST_BUCKETS
  while buckets * BUCKET_SIZE < count and buckets < BUCKETS_MAX do buckets = buckets * 2 end
  return buckets
end

local state = redis.call('HMGET', seen, 'generation', 'began', 'buckets', 'former', 'count')
local generation, began, buckets, former = tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), tonumber(state[4])
if not generation or now - began >= window then
  former = buckets or 0
  buckets = next_buckets(tonumber(state[5] or 0))
  generation, began = (generation or 0) + 1, now
  redis.call('HSET', seen, 'generation', generation, 'began', began,
    'buckets', buckets, 'former', former, 'count', 0)
end

-- Two windows from a bucket's first digest outlast the window of its last one.
local function fresh(bits, digest)
  if former > 0 then
    local bucket = digests .. (generation - 1) .. ':' .. (bits % former)
    if redis.call('SISMEMBER', bucket, digest) == 1 then return false end
  end
  local bucket = digests .. generation .. ':' .. (bits % buckets)
  if redis.call('SADD', bucket, digest) == 0 then return false end
  redis.call('PEXPIRE', bucket, 2 * window, 'NX')
  return true
end

local answer, appended, touched, entry = { 0 }, 0, {}, nil
for i = 4, #ARGV, 7 do
  if fresh(tonumber(ARGV[i + 1]), ARGV[i + 2]) then
    local partition = ARGV[i]
    entry = redis.call('XADD', log .. partition, '*',
      'i', ARGV[i + 3], 's', ARGV[i + 4], 'u', ARGV[i + 5], 'e', ARGV[i + 6])
    appended = appended + 1
    touched[partition] = true
  else
    answer[#answer + 1] = (i - 4) / 7
  end
end
if appended == 0 then return answer end

redis.call('HINCRBY', KEYS[2], 'accepted', appended)
count_day(KEYS[10], day_of(entry), 'accepted', appended)
redis.call('HINCRBY', seen, 'count', appended)
local unattended = false
for partition in pairs(touched) do
  redis.call('ZADD', ready, 'LT', now, partition)
  unattended = unattended or not leased(leases, partition, now)
end
if unattended and wanted(ready, leases, KEYS[5], KEYS[4], now, tonumber(ARGV[3]))
  and woken_ago(wake, now) >= WAKE_PATIENCE_MS then
  redis.call('SET', wake, now)
  redis.call('HINCRBY', KEYS[11], 'wakes', 1)
  answer[1] = 1
end
return answer
