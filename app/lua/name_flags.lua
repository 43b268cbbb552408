#!lua flags=allow-oom
-- Names the flags that an older release kept without a name, or forgets the names of those that it
-- let go of, a part at a time. A full store takes it too, for else nobody could list them.
--
-- KEYS     1 flags  2 flags:at  3 flags:users
-- ARGV     1 now  2 'flags' to name them, 'names' to forget  3 how far it is, '0' at first
--          4 about how many at once
-- Returns  how far it is then; '0' at the end
--
-- A second run finds it done.
if ARGV[2] == 'flags' then
  local far, found = unpack(redis.call('HSCAN', KEYS[1], ARGV[3], 'COUNT', ARGV[4]))
  for i = 1, #found, 2 do
    local one = cjson.decode(found[i + 1])
    name_flag(KEYS[2], KEYS[3], found[i], one.user, one.accepted_at)
  end
  return far
end
local far, found = unpack(redis.call('ZSCAN', KEYS[3], ARGV[3], 'COUNT', ARGV[4]))
for i = 1, #found, 2 do
  local user, id = found[i]:match('^%d+:(.*):([^:]*)$')
  if redis.call('HEXISTS', KEYS[1], id) == 0 then lift_flag(KEYS[1], KEYS[2], KEYS[3], id, user) end
end
return far
