#!lua flags=no-writes
-- Reads what may move next: of each partition the retries that are due, then the log.
--
-- KEYS     1 holders  2 wake  3 log:  4 due:  5 late:  6 sending:  7 blocked:
--          8 throttle  9 rules:state
-- ARGV     1 now  2 token, then for each partition
--          partition, entry to read after ('' for the beginning), entries at most, retries at most
-- Returns  {'stale'} when another pump took one over, else {1 when a wake waits, 1 when the
--          pump has to stop, for the destination is held, the next moment at which a retry is due
--          ('' for none), the version of the rules, then for
--          each partition
--          {partition, {entry, payload, ...} of its retries, entries of its log,
--          {entry, token, ...} of what is being sent, entries whose user waits for a retry}}
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

local function behind(partition, entries)
  local blocked, found = KEYS[7] .. partition, {}
  if redis.call('EXISTS', blocked) == 0 then return found end
  for _, entry in ipairs(entries) do
    local user = entry[2][6] -- the fields are i, s, u, e, as append.lua writes them
    if redis.call('HEXISTS', blocked, user) == 1 then found[#found + 1] = entry[1] end
  end
  return found
end

local held = shut_out(KEYS[8], token, now) and 1 or 0
local version = tonumber(redis.call('HGET', KEYS[9], 'version') or 0)
local answer = { redis.call('EXISTS', KEYS[2]), held, '', version }
for i = 3, #ARGV, 4 do
  local partition, after, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local entries = {}
  if count > 0 then
    local first = after == '' and '-' or '(' .. after
    entries = redis.call('XRANGE', KEYS[3] .. partition, first, '+', 'COUNT', count)
  end
  answer[#answer + 1] = {
    tonumber(partition), retries(partition, tonumber(ARGV[i + 3])), entries,
    redis.call('HGETALL', KEYS[6] .. partition), behind(partition, entries),
  }
end
if next_due < math.huge then answer[3] = string.format('%.0f', next_due) end
return answer
