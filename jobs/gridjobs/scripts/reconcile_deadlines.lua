-- Fails queued jobs at their deadline; a running one is ended by its worker, or when its lease expires.
-- ARGV: how many.
local due = redis.call('ZRANGE', DEADLINES, '-inf', int(NOW), 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  local job = load_job(id)
  if job and job.status == 'queued' then
    finish(job, 'failed', DEADLINE_EXCEEDED, nil, 'failed')
  else
    redis.call('ZREM', DEADLINES, id) -- the heartbeat and the end of the lease look at the deadline by themselves
  end
end
return #due
