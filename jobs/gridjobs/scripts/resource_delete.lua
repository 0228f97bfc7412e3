-- Deletes a resource that is not being made. ARGV: {kind}:{tenant}:{id}.
local key = RESOURCE .. ARGV[1]
local record = redis.call('HMGET', key, 'status', 'created_ms', 'blobs')
if not record[1] then
  return { 'not_found' }
end
if record[1] == 'importing' then
  return { 'not_ready', record[1] }
end
local list, member = listed_as(ARGV[1], tonumber(record[2]))
redis.call('ZREM', list, member)
drop(words(record[3] or nil))
redis.call('DEL', key)
return { 'ok' }
