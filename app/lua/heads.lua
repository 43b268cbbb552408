#!lua flags=no-writes
-- Reads what may move next: of each partition the retries that are due, then the log.
--
-- KEYS     1 holders  2 wake  3 log:  4 due:  5 late:
-- ARGV     1 now  2 token, then for each partition
--          partition, entry to read after ('' for the beginning), entries at most, retries at most
-- Returns  {'stale'} when another pump took one over, else {1 when a wake waits, the next moment
--          at which a retry is due ('' for none), then for each partition
--          {partition, {entry, payload, ...} of its retries, entries of its log}}
local now, token = clock(ARGV[1]), ARGV[2]
for i = 3, #ARGV, 4 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= token then return { 'stale' } end
end

local next_due = math.huge
local function retries(partition, count)
  local found = {}
  if count > 0 then
    local entries = redis.call('ZRANGE', KEYS[4] .. partition, '-inf', now, 'BYSCORE', 'LIMIT', 0, count)
    for _, entry in ipairs(entries) do
      found[#found + 1] = entry
      found[#found + 1] = redis.call('HGET', KEYS[5] .. partition, entry)
    end
  end
  local later = redis.call('ZRANGE', KEYS[4] .. partition, '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  if later[2] then next_due = math.min(next_due, tonumber(later[2])) end
  return found
end

local answer = { redis.call('EXISTS', KEYS[2]), '' }
for i = 3, #ARGV, 4 do
  local partition, after, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local entries = {}
  if count > 0 then
    local first = after == '' and '-' or '(' .. after
    entries = redis.call('XRANGE', KEYS[3] .. partition, first, '+', 'COUNT', count)
  end
  answer[#answer + 1] = { tonumber(partition), retries(partition, tonumber(ARGV[i + 3])), entries }
end
if next_due < math.huge then answer[2] = string.format('%.0f', next_due) end
return answer
