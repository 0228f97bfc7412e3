-- Accepts a job: idempotency record, job, resource to be made, event and hint, or nothing at all.
-- ARGV: what is submitted as JSON, the input ('' when it lies in the blob store under its digest).
local spec, input = cjson.decode(ARGV[1]), ARGV[2]
local key = JOB .. spec.id

local function made_by(id)
  local resource = redis.call('HGET', JOB .. id, 'resource')
  return resource and redis.call('HGETALL', RESOURCE .. resource) or {}
end

local function refuse(verdict)
  forsake(spec.blobs)
  forsake(spec.creates and spec.creates.blobs or {})
  return verdict
end

if redis.call('EXISTS', key) == 1 then -- the client library sent the same call again
  return { 'created', job_values(spec.id), made_by(spec.id) }
end

if spec.idem then
  local known = redis.call('GET', IDEMPOTENCY .. spec.idem)
  if known then
    local fingerprint, first = string.match(known, '^(%x+):(.+)$')
    if fingerprint ~= spec.input_digest then
      return refuse({ 'conflict' })
    end
    return { 'replayed', job_values(first), made_by(first) }
  end
end

local making = spec.creates and (spec.creates.kind .. ':' .. spec.tenant .. ':' .. spec.creates.id)
if making then
  local status = redis.call('HGET', RESOURCE .. making, 'status')
  if status and status ~= 'failed' then
    return refuse({ 'exists', redis.call('HGETALL', RESOURCE .. making) })
  end
end

if redis.call('ZCARD', QUEUED .. spec.type) >= spec.queue_bound then
  return refuse({ 'full' })
end

local resources, blobs = {}, { unpack(spec.blobs) }
for role, ref in pairs(spec.refs) do
  local record = to_map(redis.call('HGETALL', RESOURCE .. ref))
  if not record.status then
    return refuse({ 'resource_not_found', role })
  elseif record.status ~= 'ready' then
    return refuse({ 'resource_not_ready', role, record.status })
  end
  for _, digest in ipairs(words(record.blobs)) do
    blobs[#blobs + 1] = digest
  end
  resources[role] = {}
  for name, value in pairs(record) do
    if #value <= 1024 then -- longer ones describe the thing to readers and would be copied into every job
      resources[role][name] = value
    end
  end
end

local job = {
  'id', spec.id, 'tenant', spec.tenant, 'principal', spec.principal, 'type', spec.type, 'status', 'queued',
  'attempt', 0, 'sequence', 1, 'fence', 0, 'failures', 0, 'hints', 0,
  'created_ms', int(NOW), 'updated_ms', int(NOW), 'expires_ms', int(NOW + spec.job_ttl_ms),
  'job_ttl_ms', int(spec.job_ttl_ms), 'result_ttl_ms', int(spec.result_ttl_ms),
  'max_attempts', spec.max_attempts, 'stale_ms', int(spec.stale_ms),
  'input_digest', spec.input_digest, 'labels', spec.labels, 'blobs', table.concat(blobs, ' '),
}
local function also(name, value)
  job[#job + 1] = name
  job[#job + 1] = value
end
if input ~= '' then also('input', input) end
if next(resources) then also('resources', cjson.encode(resources)) end
if spec.deadline_ms then also('deadline_ms', int(spec.deadline_ms)) end
if spec.trace_id then also('trace_id', spec.trace_id) end
if spec.idem then also('idem', spec.idem) end
if making then also('resource', making) end
redis.call('HSET', key, unpack(job))
hold(blobs)

if spec.idem then
  redis.call('SET', IDEMPOTENCY .. spec.idem, spec.input_digest .. ':' .. spec.id)
end
if making then
  create_resource(making, spec.creates, spec.id)
end
for _, index in ipairs(indexes(spec.tenant, spec.type, cjson.decode(spec.labels))) do
  redis.call('ZADD', index, 0, spec.id)
end
redis.call('ZADD', status_index(spec, 'queued'), 0, spec.id)
redis.call('ZADD', QUEUED .. spec.type, int(NOW), spec.id)
redis.call('ZADD', HINTS, int(NOW + spec.stale_ms), spec.id)
if spec.deadline_ms then
  redis.call('ZADD', DEADLINES, int(spec.deadline_ms), spec.id)
end
redis.call('HINCRBY', COUNTS, spec.type .. ':queued', 1)
count(spec, 'accepted')
hint(spec)
return { 'created', emit(spec.id, 'queued'), made_by(spec.id) }
