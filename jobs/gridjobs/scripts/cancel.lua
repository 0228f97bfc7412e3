-- Cancels a queued job, asks a running one to stop, leaves a finished one alone. ARGV: job, tenant.
local id, tenant = ARGV[1], ARGV[2]
local verdict = visibility(id, tenant)
if verdict ~= 'ok' then
  return { verdict }
end
local job = load_job(id)
if job.status == 'queued' then
  redis.call('HSET', JOB .. id, 'cancel_requested_ms', int(NOW))
  finish(job, 'cancelled', CANCELLED, nil, 'failed')
elseif job.status == 'running' and not job.cancel_requested_ms then
  redis.call('HSET', JOB .. id, 'cancel_requested_ms', int(NOW))
  touch(id)
end
return { 'ok', job_values(id) }
