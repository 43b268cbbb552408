#!lua flags=allow-oom
-- Adds a sample to a history, unless the newest is of this minute.
--
-- KEYS     1 history
-- ARGV     1 now  2 the sample, packed: an array whose first is to be when it was taken
-- Returns  1, or 0 when this minute has one
--
-- The newest 1,500 are kept: a day and an hour. A second run, or another beat, finds the first one's.
local SAMPLES_MAX = 1500

local now = clock(ARGV[1])
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest and math.floor(cmsgpack.unpack(newest)[1] / 60000) == math.floor(now / 60000) then return 0 end
local sample = cmsgpack.unpack(ARGV[2])
sample[1] = now
redis.call('LPUSH', KEYS[1], cmsgpack.pack(sample))
redis.call('LTRIM', KEYS[1], 0, SAMPLES_MAX - 1)
return 1
