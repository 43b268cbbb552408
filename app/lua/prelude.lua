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

-- Until when the destination may not be sent to; 0 when it may.
local function held_until(throttle, now)
  local moment = tonumber(redis.call('HGET', throttle, 'until') or 0)
  return moment > now and moment <= now + HOLD_MAX_MS and moment or 0
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
  if held_until(throttle, now) > 0 then return false end
  if pumping(pumps, now) >= pumps_max then return false end
  for _, partition in ipairs(redis.call('ZRANGE', ready, '-inf', now, 'BYSCORE')) do
    if not leased(leases, partition, now) then return true end
  end
  return false
end
