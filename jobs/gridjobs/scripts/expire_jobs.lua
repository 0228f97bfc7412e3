-- Removes jobs that have passed their retention. ARGV: how many.
local due = redis.call('ZRANGE', JOB_EXPIRY, '-inf', int(NOW), 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  local job = load_job(id)
  if job then
    forget(job)
  end
  redis.call('ZREM', JOB_EXPIRY, id)
end
return #due
