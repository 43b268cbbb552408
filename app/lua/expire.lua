#!lua flags=allow-oom
-- Lets go of what has been unmapped for longer than the configuration keeps it, the oldest first.
--
-- KEYS     1 counts  2 unmapped  3 unmapped:at  4 day:  5 rules:state  6 replay:unmapped
-- ARGV     1 now  2 ms for which it is kept  3 how many at most
-- Returns  how many; 0 also while rules are new that may map them
--
-- What is deleted is deleted before anything is written. A second run finds the next ones.
local now = clock(ARGV[1])
local added, run = redis.call('HGET', KEYS[5], 'added'), redis.call('HMGET', KEYS[6], 'version', 'state')
if added and (run[1] ~= added or run[2] == 'running') then return 0 end

local last = string.format('(%.0f', (now - tonumber(ARGV[2])) * 1000)
local letters, by_day = redis.call('ZRANGE', KEYS[3], '-inf', last, 'BYSCORE', 'LIMIT', 0, ARGV[3]), {}
for _, letter in ipairs(letters) do
  redis.call('HDEL', KEYS[2], letter)
  redis.call('ZREM', KEYS[3], letter)
  local day = day_of(letter:match('^%d+%-(.+)$'))
  by_day[day] = (by_day[day] or 0) + 1
end
for day, count in pairs(by_day) do
  count_day(KEYS[4], day, 'unmapped', -count)
  count_day(KEYS[4], day, 'discarded', count)
end
if #letters > 0 then
  redis.call('HINCRBY', KEYS[1], 'discarded', #letters)
  redis.call('HINCRBY', KEYS[1], 'expired', #letters)
end
return #letters
