#!lua
-- Gives a dead letter another event, where it still lies as it was read.
--
-- KEYS     1 dead  2 dead:deliveries  3 dead:at  4 dead:events
-- ARGV     1 now  2 letter  3 SHA-1 of what lists showed and the delivery, joined, as
--          they were read  4 delivery  5 what lists show
-- Returns  1, or 0 when it has gone or was changed meanwhile; nothing is changed then
--
-- A second run finds the new delivery there.
local packed, lies = redis.call('HGET', KEYS[1], ARGV[2]), redis.call('HGET', KEYS[2], ARGV[2])
if not lies then return 0 end
if packed == ARGV[5] and lies == ARGV[4] then return 1 end
if redis.sha1hex(packed .. lies) ~= ARGV[3] then return 0 end
local moment = redis.call('ZSCORE', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], spelled(cmsgpack.unpack(packed)[8], moment, ARGV[2]))
redis.call('ZADD', KEYS[4], 0, spelled(cmsgpack.unpack(ARGV[5])[8], moment, ARGV[2]))
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[5])
return 1
