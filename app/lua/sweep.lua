#!lua flags=allow-oom
-- Finds partitions that are not empty and that nobody would wake, and makes them ready. After the
-- clock was set back, these are all that `ready` names for a moment that has been.
--
-- KEYS     1 ready  2 leases  3 log:  4 due:  5 counts
-- ARGV     1 now  2 partitions
-- Returns  how many there were; 0 unless a script is wrong
--
-- A second run finds none.
local now, found = clock(ARGV[1]), 0
for partition = 0, tonumber(ARGV[2]) - 1 do
  local logged = redis.call('XLEN', KEYS[3] .. partition)
  local ready = tonumber(redis.call('ZSCORE', KEYS[1], partition) or math.huge)
  local forgotten = logged > 0 and ready > now
    or ready == math.huge and redis.call('ZCARD', KEYS[4] .. partition) > 0
  if forgotten and not leased(KEYS[2], partition, now) then
    refresh(KEYS[1], KEYS[3], KEYS[4], partition, now, false)
    found = found + 1
  end
end
if found > 0 then redis.call('HINCRBY', KEYS[5], 'swept', found) end
return found
