-- Renews a lease and takes progress. ARGV: job, fence, lease [ms], progress as JSON or '', pause between events [ms].
-- Progress is lossy: what comes too soon after the last is dropped.
local id, fence, lease_ms, progress, pause_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local job = load_job(id)
if not job or job.status ~= 'running' or job.fence ~= fence then
  return { 'stale' }
end
redis.call('ZADD', LEASES, int(NOW + lease_ms), id)

local shown = redis.call('HMGET', JOB .. id, 'progress', 'progress_ms')
if progress ~= '' and progress ~= shown[1] and NOW - (tonumber(shown[2] or 0)) >= pause_ms then
  redis.call('HSET', JOB .. id, 'progress', progress, 'progress_ms', int(NOW))
  touch(id)
  emit(id, 'progress')
end
return { 'ok', job.cancel_requested_ms and 1 or 0, past_deadline(job) and 1 or 0 }
