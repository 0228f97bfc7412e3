-- Ends a job with what its worker made of it, exactly once.
-- ARGV: job, fence, status, completion as JSON, result ('' when there is none or it lies in the blob store).
-- A job whose cancellation was requested may still commit a success: whoever comes first decides.
local id, fence, status, completion, result = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4]), ARGV[5]
local key = JOB .. id
local function refuse()
  forsake(completion.blobs)
  return { 'stale' }
end

local job = load_job(id)
if not job then
  return refuse()
end
if is_done(job.status) then -- the client library sent the same call again, or another worker was first
  local same = job.fence == fence and job.status == status
    and (job.result_digest or '') == completion.result_digest
  return same and { 'ok', job_values(id) } or refuse()
end
if job.status ~= 'running' or job.fence ~= fence then
  return refuse()
end

redis.call('HSET', key, 'parts', completion.parts)
if completion.result_digest ~= '' then
  redis.call('HSET', key, 'result_digest', completion.result_digest)
end
if result ~= '' then
  redis.call('HSET', key, 'result', result)
end
if completion.engine then
  redis.call('HSET', key, 'engine', completion.engine)
end
if #completion.blobs > 0 then
  redis.call('HSET', key, 'result_blobs', table.concat(completion.blobs, ' '))
  hold(completion.blobs)
end
if status == 'succeeded' then
  redis.call('HDEL', key, 'progress')
end
local becomes = { succeeded = 'ready', failed = 'rejected', cancelled = 'failed' }
return { 'ok', finish(job, status, completion.error, completion.resource, becomes[status]) }
