#!lua flags=allow-oom
-- Lets go of dead letters for good, by an operator's decision.
--
-- KEYS     1 counts  2 dead  3 dead:deliveries  4 dead:at  5 dead:ids  6 dead:groups
--          7 dead:latest  8 dead:group:  9 dead:reasons  10 day:  11 dead:users  12 dead:events
-- ARGV     1 now  2 what they count as, 'discarded' or 'delivered', then for each letter
--          letter, when it was buried
-- Returns  how many there were, those not counted that were buried again since
--
-- What is deleted is deleted before anything is written. A second run finds none of them.
local dead = graves(KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9],
  KEYS[11], KEYS[12])
local total, tally = 0, {}
for i = 3, #ARGV, 2 do
  local buried = tonumber(redis.call('ZSCORE', dead.at, ARGV[i]) or -1)
  if buried == tonumber(ARGV[i + 1]) and dig_up(dead, ARGV[i]) then
    local day = day_of(ARGV[i]:match('^%d+%-(.+)$'))
    total, tally[day] = total + 1, (tally[day] or 0) + 1
  end
end
for day, number in pairs(tally) do
  count_day(KEYS[10], day, 'dead', -number)
  count_day(KEYS[10], day, ARGV[2], number)
end
if total > 0 then redis.call('HINCRBY', KEYS[1], ARGV[2], total) end
return total
