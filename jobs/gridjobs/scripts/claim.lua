-- Gives a queued job to a worker, under a new fence and a lease. ARGV: job, token of this call, lease [ms].
local id, token, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = JOB .. id
local job = load_job(id)
if not job then
  return { 'nothing' }
end

local repeated = job.status == 'running' and redis.call('HGET', key, 'claim_token') == token
if not repeated then
  if job.status ~= 'queued' then
    return { 'nothing' }
  end
  if past_deadline(job) then
    finish(job, 'failed', DEADLINE_EXCEEDED, nil, 'failed')
    return { 'nothing' }
  end
  set_status(job, 'running')
  redis.call('HINCRBY', key, 'fence', 1)
  redis.call('HINCRBY', key, 'attempt', 1)
  redis.call('HSET', key, 'started_ms', int(NOW), 'claim_token', token)
  redis.call('HDEL', key, 'progress', 'progress_ms')
  redis.call('ZADD', LEASES, int(NOW + lease_ms), id)
  count(job, 'started')
  touch(id)
  emit(id, 'started')
end
local rest = redis.call('HMGET', key, 'fence', 'input', 'resources')
return { 'ok', job_values(id), rest[1], rest[2], rest[3] }
