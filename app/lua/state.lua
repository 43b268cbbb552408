#!lua flags=no-writes
-- Reads the state of a throttle in one step.
--
-- KEYS     1 throttle  2 pumps
-- ARGV     1 now  2 deliveries per second ('' for no limit)
-- Returns  {the rate to which 429s have led, until when a failure or the rate holds, why, cause,
--          failures in a row, 1 when a pump probes, who paused it, why, cause, when, fingerprint of
--          the credentials}; '' for what there is not
local now = clock(ARGV[1])
local limited = limited_rate(KEYS[1], now, tonumber(ARGV[2]))
local state = redis.call('HMGET', KEYS[1], 'why', 'cause', 'failures', 'paused_by', 'paused_why',
  'paused_cause', 'paused_at', 'credentials', 'paced')
local paced = tonumber(state[9] or 0)
if paced <= now or paced > now + HOLD_MAX_MS then paced = 0 end
local failed = failed_until(KEYS[1], now)
local pacing = failed == 0 and paced > 0
local held = math.max(failed, paced)
return {
  limited and string.format('%.3f', limited) or '', held > 0 and string.format('%.0f', held) or '',
  pacing and 'rate' or state[1] or '', pacing and 'rate' or state[2] or '', state[3] or '0',
  probed(KEYS[1], KEYS[2], '', now) and 1 or 0,
  state[4] or '', state[5] or '', state[6] or '', state[7] or '', state[8] or '',
}
