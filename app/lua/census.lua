#!lua flags=no-writes
-- Counts where the deliveries of a destination are, in one step.
--
-- KEYS     1 counts  2 pumps  3 throttle  4 dead  5 log:  6 late:  7 behind:  8 unmapped
--          9 dead:reasons  10 flags
-- ARGV     1 now  2 partitions
-- Returns  {waiting, retrying, dead, unmapped, unconfirmed, flags, pumps, held until, failures in a row, why,
--          ms of the oldest in the log or 0, then name and number of each count}
local now, waiting, retrying, oldest = clock(ARGV[1]), 0, 0, math.huge
for partition = 0, tonumber(ARGV[2]) - 1 do
  local length = redis.call('XLEN', KEYS[5] .. partition)
  waiting = waiting + length
  retrying = retrying + redis.call('HLEN', KEYS[6] .. partition) + redis.call('HLEN', KEYS[7] .. partition)
  if length > 0 then
    local first = redis.call('XRANGE', KEYS[5] .. partition, '-', '+', 'COUNT', 1)[1]
    oldest = math.min(oldest, tonumber(first[1]:match('%d+')))
  end
end
local answer = {
  waiting, retrying, redis.call('HLEN', KEYS[4]), redis.call('HLEN', KEYS[8]),
  tonumber(redis.call('HGET', KEYS[9], 'unconfirmed') or 0), redis.call('HLEN', KEYS[10]),
  pumping(KEYS[2], now),
  held_until(KEYS[3], now), redis.call('HGET', KEYS[3], 'failures') or 0,
  held_why(KEYS[3]), oldest < math.huge and oldest or 0,
}
for _, word in ipairs(redis.call('HGETALL', KEYS[1])) do answer[#answer + 1] = word end
return answer
