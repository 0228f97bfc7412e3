-- Removes results that have passed their retention. ARGV: how many.
local due = redis.call('ZRANGE', RESULT_EXPIRY, '-inf', int(NOW), 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  redis.call('ZREM', RESULT_EXPIRY, id)
  if redis.call('EXISTS', JOB .. id) == 1 then
    drop(words(redis.call('HGET', JOB .. id, 'result_blobs') or nil))
    redis.call('HDEL', JOB .. id, 'result', 'parts', 'result_blobs')
    redis.call('HSET', JOB .. id, 'result_expired', 1)
    touch(id)
    emit(id, 'expired')
  end
end
return #due
