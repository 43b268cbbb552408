#!lua flags=allow-oom
-- Records the one delivery that a pump has in hand, before it touches it.
--
-- KEYS     1 holders  2 alone
-- ARGV     1 now  2 token  3 partition  4 entry
-- Returns  how many pumps died while they had nothing but this in hand, or 'stale' when another
--          pump took the partition over; nothing is changed then
--
-- After a crash the record stays, and the next pump that has the same alone counts a death. A
-- second run with the same token counts none.
local token, partition, entry = ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', KEYS[1], partition) ~= token then return 'stale' end

local former = redis.call('HGET', KEYS[2], partition) or ''
local known, holder, deaths = former:match('(%S+) (%S+) (%d+)')
deaths = known == entry and tonumber(deaths) or 0
if known == entry and holder ~= token and holder ~= '-' then deaths = deaths + 1 end
redis.call('HSET', KEYS[2], partition, entry .. ' ' .. token .. ' ' .. deaths)
return deaths
