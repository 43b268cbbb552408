#!lua flags=allow-oom
-- Marks deliveries as being sent before a call goes out that must not be repeated, and prolongs
-- the leases of their partitions, so that these outlast the call.
--
-- KEYS     1 leases  2 holders  3 pumps  4 sending:  5 log:  6 late:
-- ARGV     1 now  2 token  3 length of the lease in ms, then for each delivery partition, entry
-- Returns  1, or 0 when another pump took a partition over or marked an entry, or an entry is there
--          no more; nothing is changed then
--
-- A second run finds its own marks. After a crash the marks stay, and whoever takes the partition
-- over buries what they name.
local now, token, length = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local function lies(partition, entry)
  if redis.call('HEXISTS', KEYS[6] .. partition, entry) == 1 then return true end
  if entry:find('.', 1, true) then return false end -- a part, which never was in the log
  return #redis.call('XRANGE', KEYS[5] .. partition, entry, entry) == 1
end

for i = 4, #ARGV, 2 do
  if not lies(ARGV[i], ARGV[i + 1]) then return 0 end
  if redis.call('HGET', KEYS[2], ARGV[i]) ~= token then return 0 end
  local marked = redis.call('HGET', KEYS[4] .. ARGV[i], ARGV[i + 1])
  if marked and marked ~= token then return 0 end
end
for i = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[4] .. ARGV[i], ARGV[i + 1], token)
  redis.call('ZADD', KEYS[1], 'GT', now + length, ARGV[i])
end
redis.call('ZADD', KEYS[3], 'GT', now + length, token)
return 1
