#!lua flags=no-writes
-- Whether digests are remembered, in one of the two generations.
--
-- KEYS     1 seen  2 seen:
-- ARGV     1 now, then for each message bucket bits (32), digest (signed 64 bits)
-- Returns  for each message 1 when it was accepted within the window, else 0; up to two windows
--          after its acceptance it may be either
local state = redis.call('HMGET', KEYS[1], 'generation', 'buckets', 'former')
local generation, buckets, former = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])

local function kept(of, count, bits, digest)
  return count > 0 and redis.call('SISMEMBER', KEYS[2] .. of .. ':' .. (bits % count), digest) == 1
end

local answer = {}
for i = 2, #ARGV, 2 do
  local bits, digest = tonumber(ARGV[i]), ARGV[i + 1]
  local found = generation
    and (kept(generation, buckets, bits, digest) or kept(generation - 1, former, bits, digest))
  answer[#answer + 1] = found and 1 or 0
end
return answer
