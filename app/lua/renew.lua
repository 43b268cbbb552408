#!lua flags=allow-oom
-- Prolongs a pump's leases; one that a mark has made longer stays so.
--
-- KEYS     1 leases  2 holders  3 pumps
-- ARGV     1 now  2 token  3 length in ms, then its partitions
-- Returns  1, or 0 when another pump took one of them over; nothing is changed then
--
-- A second run prolongs them once more.
local now, token, length = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
for i = 4, #ARGV do
  if redis.call('HGET', KEYS[2], ARGV[i]) ~= token then return 0 end
end
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], 'GT', now + length, ARGV[i]) end
redis.call('ZADD', KEYS[3], 'GT', now + length, token)
return 1
