-- Stands before every script.

-- Milliseconds since the epoch: the caller's when it tells the time, else the store's.
local function clock(now)
  if now ~= '' then return tonumber(now) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A clock that was set back leaves moments that are further ahead than any can be; they are over.
local LEASE_MAX_MS, HOLD_MAX_MS = 120000, 3700000

-- Whether someone's lease of a partition still runs.
local function leased(leases, partition, now)
  local ends = tonumber(redis.call('ZSCORE', leases, partition) or 0)
  return ends > now and ends <= now + LEASE_MAX_MS
end

-- How many pumps hold leases.
local function pumping(pumps, now)
  return redis.call('ZCOUNT', pumps, '(' .. now, now + LEASE_MAX_MS)
end

-- When a pause ends, which only an operator does: the last moment that a date can tell.
local FOREVER_MS = 253402300799000

-- Until when a failure holds the destination; 0 when none does.
local function failed_until(throttle, now)
  local moment = tonumber(redis.call('HGET', throttle, 'until') or 0)
  return moment > now and moment <= now + HOLD_MAX_MS and moment or 0
end

-- Until when the destination may not be sent to: a pause, a failure or its own rate; 0 when it may.
local function held_until(throttle, now)
  if redis.call('HEXISTS', throttle, 'paused_by') == 1 then return FOREVER_MS end
  local paced = tonumber(redis.call('HGET', throttle, 'paced') or 0)
  if paced <= now or paced > now + HOLD_MAX_MS then paced = 0 end
  return math.max(failed_until(throttle, now), paced)
end

-- Why it may not be sent to, or failed last.
local function held_why(throttle)
  local why = redis.call('HMGET', throttle, 'paused_why', 'why', 'paced')
  return why[1] or why[2] or why[3] and 'rate' or ''
end

-- After a hold one pump alone may send until something is delivered: its prober.
local function half_open(throttle)
  return tonumber(redis.call('HGET', throttle, 'failures') or 0) > 0
end

-- Whether that one pump is at work and is not this one.
local function probed(throttle, pumps, token, now)
  local prober = half_open(throttle) and redis.call('HGET', throttle, 'prober')
  if not prober or prober == token then return false end
  local ends = tonumber(redis.call('ZSCORE', pumps, prober) or 0)
  return ends > now and ends <= now + LEASE_MAX_MS
end

-- Whether a pump that is at work has to stop: it began before the others had to hold.
local function shut_out(throttle, token, now)
  if held_until(throttle, now) > 0 then return true end
  return half_open(throttle) and redis.call('HGET', throttle, 'prober') ~= token
end

-- The rate to which a destination's 429s have led, in deliveries per second; nil when it is as
-- configured again (`rate`, nil for none). Every five seconds it grows: twice by a tenth, to feel for
-- the edge, then by half, for that is gone.
local function limited_rate(throttle, now, rate)
  local state = redis.call('HMGET', throttle, 'limit', 'limited_at')
  local limit, since = tonumber(state[1]), tonumber(state[2])
  if not limit or since > now + HOLD_MAX_MS then return nil end
  local steps = math.max(0, math.floor((now - since) / 5000))
  local grown = limit * 1.1 ^ math.min(steps, 2) * 1.5 ^ math.max(0, steps - 2)
  return grown < (rate or 10 * limit) and grown or nil
end

local BEST_MS = 5000

-- Counts by the second what a destination takes, and keeps the best of the last five to ten.
local function count_taken(throttle, now, count)
  local second, span = math.floor(now / 1000), math.floor(now / BEST_MS)
  local last = redis.call('HMGET', throttle, 'second', 'taken', 'span', 'best')
  local taken = (tonumber(last[1] or 0) == second and tonumber(last[2]) or 0) + count
  local best = tonumber(last[4] or 0)
  redis.call('HSET', throttle, 'second', second, 'taken', taken)
  if tonumber(last[3] or 0) ~= span then
    local before = tonumber(last[3] or 0) == span - 1 and best or 0
    redis.call('HSET', throttle, 'span', span, 'best', taken, 'best_before', before)
  elseif taken > best then
    redis.call('HSET', throttle, 'best', taken)
  end
end

-- The most that a destination took in one of the last seconds.
local function best_taken(throttle, now)
  local last = redis.call('HMGET', throttle, 'span', 'best', 'best_before')
  local age = math.floor(now / BEST_MS) - tonumber(last[1] or 0)
  if age == 0 then return math.max(tonumber(last[2]), tonumber(last[3])) end
  return age == 1 and tonumber(last[2]) or 0
end

-- How long ago a wake was sent that no pump has answered yet; huge when none was.
local function woken_ago(wake, now)
  local sent = tonumber(redis.call('GET', wake) or 0)
  return sent <= now and now - sent or math.huge
end

-- Makes `ready` tell the truth about one partition. `moved` puts it behind the others that wait.
local function refresh(ready, log, due, partition, now, moved)
  if redis.call('XLEN', log .. partition) > 0 then
    if moved then
      redis.call('ZADD', ready, now, partition)
    else
      redis.call('ZADD', ready, 'LT', now, partition)
    end
    return
  end
  local first = redis.call('ZRANGE', due .. partition, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', ready, first[2], partition)
  else
    redis.call('ZREM', ready, partition)
  end
end

-- Whether a partition is due that nobody holds, and one more pump may come for it.
local function wanted(ready, leases, pumps, throttle, now, pumps_max)
  if held_until(throttle, now) > 0 or probed(throttle, pumps, '', now) then return false end
  if pumping(pumps, now) >= pumps_max then return false end
  for _, partition in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE')) do
    if not leased(leases, partition, now) then return true end
  end
  return false
end

-- The day (UTC, counted from the epoch) on which the delivery of an entry was accepted.
local function day_of(entry)
  return string.format('%.0f', math.floor(tonumber(entry:match('^%d+')) / 86400000))
end

-- Adds to a count of a day. Days are kept for 400.
local function count_day(days, day, name, by)
  if by == 0 then return end
  redis.call('HINCRBY', days .. day, name, by)
  redis.call('EXPIRE', days .. day, 400 * 86400, 'NX')
end

local UNDER_WAY_MAX, ELAPSED_MAX_MS = 500, 2000

-- How many of what operators send again may be under way at once, and why that is less than the rate
-- allows. One that has failed and is not held gets one: without anything to send, no pump would ask it
-- again.
local function most_under_way(throttle, now, rate)
  local held = redis.call('HMGET', throttle, 'paused_by', 'paused_why', 'why')
  if held[1] then return 0, 'paused: ' .. (held[2] or '') end
  if failed_until(throttle, now) > 0 then return 0, 'held: ' .. (held[3] or '') end
  if half_open(throttle) then return 1, 'one at a time after failures: ' .. (held[3] or '') end
  return math.min(UNDER_WAY_MAX, math.max(10, math.ceil(rate))), ''
end

-- How many a pace allows since the last step, and until when it is used up by them.
local function allowed_since(stepped_at, now, rate)
  local elapsed = now - stepped_at
  if elapsed < 0 then elapsed = 1000 end -- the clock was set back
  elapsed = math.min(elapsed, ELAPSED_MAX_MS)
  local allowed = math.floor(elapsed * rate / 1000)
  return allowed, now - elapsed + allowed * 1000 / rate
end

-- A user's deliveries stand together in `order`, each user's by their entries, and a user's flags in
-- `flags:users`. The length before the name keeps one user's range out of another's.
local function range_of(user)
  return #user .. ':' .. user .. ':'
end

-- Names a flag by when its event was accepted and by its user.
local function name_flag(at, users, flag, user, accepted_at)
  redis.call('ZADD', at, string.format('%.0f', accepted_at), flag)
  redis.call('ZADD', users, 0, range_of(user) .. flag)
end

-- Takes a flag out of all that names it.
local function lift_flag(flags, at, users, flag, user)
  redis.call('HDEL', flags, flag)
  redis.call('ZREM', at, flag)
  redis.call('ZREM', users, range_of(user) .. flag)
end

-- An entry (`<ms>-<sequence>`, of a part with `.<part>` behind it) as text that sorts as numbers do.
local function place_of(entry)
  local ms, sequence, part = entry:match('(%d+)-(%d+)%.?(%d*)')
  return string.format('%015.0f-%020.0f.%06.0f', tonumber(ms), tonumber(sequence), tonumber(part) or 0)
end

-- The entry of such a text.
local function entry_at(place)
  local ms, sequence, part = place:match('(%d+)-(%d+)%.?(%d*)')
  local entry = string.format('%.0f-%.0f', tonumber(ms), tonumber(sequence))
  part = tonumber(part) or 0
  return part > 0 and entry .. '.' .. string.format('%.0f', part) or entry
end

-- Puts a delivery behind its user's earlier one, which waits to be tried again.
local function queue_up(order, behind, partition, entry, payload, user)
  local place = place_of(entry)
  redis.call('HSET', behind .. partition, entry, payload)
  redis.call('ZADD', order .. partition, 0, range_of(user) .. place)
end

-- Puts a delivery back into its partition, due at once, or behind what its user waits for; whether
-- it may go now.
local function revive(due, late, blocked, order, behind, partition, entry, user, delivery, now)
  if redis.call('HEXISTS', blocked .. partition, user) == 1 then
    queue_up(order, behind, partition, entry, delivery, user)
    return false
  end
  redis.call('HSET', late .. partition, entry, delivery)
  redis.call('ZADD', due .. partition, now, entry)
  return true
end

-- Where dead letters lie. The letter itself is an array that begins with its delivery's id, its
-- reason, its group and its user, and whose eighth is the name of its event, as letters.py packs it.
local function graves(letters, deliveries, at, ids, groups, latest, group, reasons, users, events)
  return {
    letters = letters, deliveries = deliveries, at = at, ids = ids,
    groups = groups, latest = latest, group = group, reasons = reasons, users = users, events = events,
  }
end

-- A letter under a name that it has among others, such that those of a name stand together, each by
-- when it was buried.
local function spelled(name, moment, letter)
  return #name .. ':' .. name .. ':' .. string.format('%016.0f', tonumber(moment)) .. ':' .. letter
end

-- A fault whose messages all differ must not make a group of each.
local GROUPS_MAX = 1000

-- Keeps a letter; the group that it is the first of, else nil.
local function bury(dead, letter, packed, delivery, now)
  local what = cmsgpack.unpack(packed)
  local id, reason, group, user, event = what[1], what[2], what[3], what[4], what[8]
  local top = redis.call('ZRANGE', dead.at, -1, -1, 'WITHSCORES')[2]
  local moment = string.format('%.0f', math.max(now * 1000, tonumber(top or 0) + 1))
  local opened
  if redis.call('HEXISTS', dead.groups, group) == 0 then
    if redis.call('HLEN', dead.groups) >= GROUPS_MAX then group = 'other-' .. reason end
    opened = redis.call('HSETNX', dead.groups, group, packed) == 1 and group or nil
  end
  redis.call('HSET', dead.letters, letter, packed)
  redis.call('HSET', dead.deliveries, letter, delivery)
  redis.call('ZADD', dead.at, moment, letter)
  redis.call('ZADD', dead.ids, 0, id .. '\0' .. letter)
  redis.call('ZADD', dead.users, 0, spelled(user, moment, letter))
  redis.call('ZADD', dead.events, 0, spelled(event, moment, letter))
  redis.call('ZADD', dead.group .. group, moment, letter)
  redis.call('ZADD', dead.latest, moment, group)
  redis.call('HINCRBY', dead.reasons, reason, 1)
  return opened
end

-- Takes a letter out of all that names it; answers its user and its delivery, nil without it.
local function dig_up(dead, letter)
  local packed = redis.call('HGET', dead.letters, letter)
  if not packed then return nil end
  local what = cmsgpack.unpack(packed)
  local id, reason, group, user, event = what[1], what[2], what[3], what[4], what[8]
  local delivery = redis.call('HGET', dead.deliveries, letter)
  local moment = redis.call('ZSCORE', dead.at, letter)
  redis.call('HDEL', dead.letters, letter)
  redis.call('HDEL', dead.deliveries, letter)
  redis.call('ZREM', dead.at, letter)
  redis.call('ZREM', dead.ids, id .. '\0' .. letter)
  redis.call('ZREM', dead.users, spelled(user, moment, letter))
  redis.call('ZREM', dead.events, spelled(event, moment, letter))
  if redis.call('ZREM', dead.group .. group, letter) == 0 then
    group = 'other-' .. reason
    redis.call('ZREM', dead.group .. group, letter)
  end
  if redis.call('EXISTS', dead.group .. group) == 0 then
    redis.call('HDEL', dead.groups, group)
    redis.call('ZREM', dead.latest, group)
  end
  if redis.call('HINCRBY', dead.reasons, reason, -1) <= 0 then
    redis.call('HDEL', dead.reasons, reason)
  end
  return user, delivery
end
