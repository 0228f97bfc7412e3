-- Takes jobs from workers that have let their lease expire. ARGV: how many.
local due = redis.call('ZRANGE', LEASES, '-inf', int(NOW), 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  local job = load_job(id)
  if job and job.status == 'running' then
    count(job, 'lease_lost')
    give_back(job, 1, 0, LEASE_LOST)
  else
    redis.call('ZREM', LEASES, id)
  end
end
return #due
