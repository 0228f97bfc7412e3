-- Gives up an attempt. ARGV: job, fence, problem for the case that it was the last, whether it counts, pause [ms].
local id, fence, exhausted, counted, delay_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local job = load_job(id)
if not job then
  return { 'stale' }
end
if redis.call('HGET', JOB .. id, 'released_fence') == fence and job.fence == fence then
  return { 'ok', job_values(id) } -- the client library sent the same call again
end
if job.status ~= 'running' or job.fence ~= fence then
  return { 'stale' }
end
redis.call('HSET', JOB .. id, 'released_fence', fence)
return { 'ok', give_back(job, counted, delay_ms, exhausted) }
