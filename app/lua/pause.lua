#!lua flags=allow-oom
-- Pauses a destination until an operator resumes it.
--
-- KEYS     1 throttle  2 figures
-- ARGV     1 now  2 by ('operator' or 'relay')  3 why  4 cause ('' for an operator's)
--          5 fingerprint of the credentials that were refused ('' for none)
-- Returns  1, or 0 when it was paused already: by the same, or by an operator, who outranks the relay
--
-- What the relay pauses is asked with its probe when it is resumed. A second run changes nothing but
-- an operator's reason.
local now, by = clock(ARGV[1]), ARGV[2]
local former = redis.call('HGET', KEYS[1], 'paused_by')
if by == 'relay' then
  if not half_open(KEYS[1]) then redis.call('HSET', KEYS[1], 'failures', 1) end
  redis.call('HSET', KEYS[1], 'why', ARGV[3], 'cause', ARGV[4], 'probe', 1)
  redis.call('HDEL', KEYS[1], 'until', 'prober')
  if former then return 0 end
end
if former == by then -- an operator, who may have another reason now
  redis.call('HSET', KEYS[1], 'paused_why', ARGV[3])
  return 0
end
redis.call('HSET', KEYS[1], 'paused_by', by, 'paused_why', ARGV[3], 'paused_cause', ARGV[4],
  'paused_at', string.format('%.0f', now), 'credentials', ARGV[5])
redis.call('HINCRBY', KEYS[2], 'pauses:' .. by, 1)
return 1
