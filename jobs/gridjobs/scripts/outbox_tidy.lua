-- Forgets relays that are long gone and left nothing behind. ARGV: stream, how long silent [ms].
local consumers = redis.pcall('XINFO', 'CONSUMERS', ARGV[1], OUTBOX_GROUP)
if consumers.err then -- no relay has been here yet
  return 0
end
local removed = 0
for _, flat in ipairs(consumers) do
  local consumer = to_map(flat)
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', ARGV[1], OUTBOX_GROUP, consumer.name)
    removed = removed + 1
  end
end
return removed
