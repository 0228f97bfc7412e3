-- What all scripts share. The loader puts the key names and constants of Python before this text.
-- Time is the store's own, so that the clocks of other machines do not matter.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local NOW = now_ms()

local function int(number)
  return string.format('%.0f', number)
end

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do
    list[#list + 1] = word
  end
  return list
end

local function to_map(flat)
  local map = {}
  for i = 1, #flat, 2 do
    map[flat[i]] = flat[i + 1]
  end
  return map
end

-- Blobs: whoever holds one counts; those without a holder are swept after a grace period.

local function hold(digests)
  for _, digest in ipairs(digests) do
    redis.call('HINCRBY', BLOB_REFS, digest, 1)
    redis.call('ZREM', BLOBS_UNUSED, digest)
  end
end

-- Has blobs swept that were stored for a call which is refused now, unless somebody else holds them.
local function forsake(digests)
  for _, digest in ipairs(digests) do
    if redis.call('HEXISTS', BLOB_REFS, digest) == 0 then
      redis.call('ZADD', BLOBS_UNUSED, int(NOW), digest)
    end
  end
end

local function drop(digests)
  for _, digest in ipairs(digests) do
    if redis.call('HINCRBY', BLOB_REFS, digest, -1) <= 0 then
      redis.call('HDEL', BLOB_REFS, digest)
      redis.call('ZADD', BLOBS_UNUSED, int(NOW), digest)
    end
  end
end

-- Jobs

local function job_values(id)
  return redis.call('HMGET', JOB .. id, unpack(JOB_FIELDS))
end

-- Fields that the scripts decide by. Returns nil for a job that does not exist.
local STATE = { 'tenant', 'type', 'status', 'fence', 'attempt', 'labels', 'deadline_ms', 'cancel_requested_ms',
  'max_attempts', 'failures', 'job_ttl_ms', 'result_ttl_ms', 'resource', 'result_digest' }

local function load_job(id)
  local values = redis.call('HMGET', JOB .. id, unpack(STATE))
  if not values[1] then
    return nil
  end
  local job = { id = id }
  for i, name in ipairs(STATE) do
    job[name] = values[i] or nil
  end
  return job
end

-- 'ok', or why a tenant may not see the job. No tenant: the caller is the system itself.
local function visibility(id, tenant)
  local owner = redis.call('HGET', JOB .. id, 'tenant')
  if owner and (tenant == '' or owner == tenant) then
    return 'ok'
  end
  local gone = redis.call('GET', GONE .. id)
  if gone and (tenant == '' or gone == tenant) then
    return 'gone'
  end
  return 'not_found'
end

local function is_done(status)
  return status ~= 'queued' and status ~= 'running'
end

local function past_deadline(job)
  return job.deadline_ms and NOW >= tonumber(job.deadline_ms)
end

local function indexes(tenant, job_type, labels)
  local base = INDEX .. tenant
  local list = { base .. ':all', base .. ':type:' .. job_type }
  for name, value in pairs(labels) do
    list[#list + 1] = base .. ':label:' .. name .. '=' .. value
  end
  return list
end

local function status_index(job, status)
  return INDEX .. job.tenant .. ':status:' .. status
end

local function count(job, what)
  redis.call('HINCRBY', TOTALS, job.type .. ':' .. what, 1)
end

-- Every visible change goes through here: a new sequence number, and whoever waits for the job is woken.
local function touch(id)
  local sequence = redis.call('HINCRBY', JOB .. id, 'sequence', 1)
  redis.call('HSET', JOB .. id, 'updated_ms', int(NOW))
  redis.call('PUBLISH', CHANGE .. id, sequence)
end

-- Writes the event of the present sequence: into the job's own log, and into the outbox for the relay.
-- An event is the snapshot of the job's fields. Python makes the same bytes of it wherever it is read.
-- Returns the values of the job's fields.
local function emit(id, event)
  local values = job_values(id)
  local entry, sequence = { 'event', event }, nil
  for i, name in ipairs(JOB_FIELDS) do
    if values[i] then
      entry[#entry + 1] = name
      entry[#entry + 1] = values[i]
    end
    if name == 'sequence' then
      sequence = values[i]
    end
  end
  redis.call('XADD', EVENTS .. id, 'MAXLEN', '~', EVENT_LOG_LENGTH, sequence .. '-0', unpack(entry))
  -- When the relay is far behind, what may be lost is not added to it.
  if event ~= 'progress' or redis.call('XLEN', OUTBOX_EVENTS) < LOSSY_BACKLOG then
    redis.call('XADD', OUTBOX_EVENTS, '*', unpack(entry))
  end
  return values
end

-- Has the relay tell the workers of the type that the job is there to be claimed.
local function hint(job)
  redis.call('XADD', OUTBOX_HINTS, '*', 'type', job.type, 'id', job.id)
end

local function set_status(job, status)
  redis.call('HINCRBY', COUNTS, job.type .. ':' .. job.status, -1)
  redis.call('HINCRBY', COUNTS, job.type .. ':' .. status, 1)
  redis.call('ZREM', status_index(job, job.status), job.id)
  redis.call('ZADD', status_index(job, status), 0, job.id)
  if job.status == 'queued' then
    redis.call('ZREM', QUEUED .. job.type, job.id)
    redis.call('ZREM', HINTS, job.id)
  elseif job.status == 'running' then
    redis.call('ZREM', LEASES, job.id)
  end
  redis.call('HSET', JOB .. job.id, 'status', status)
  job.status = status
end

-- Puts the job in its terminal state. `error` is a problem as JSON, or nil; `resource` are fields of what the
-- job makes; `resource_status` is what becomes of that thing. Returns the values of the job's fields.
local function finish(job, status, error, resource, resource_status)
  set_status(job, status)
  local key = JOB .. job.id
  local expires = int(NOW + tonumber(job.job_ttl_ms))
  redis.call('HSET', key, 'finished_ms', int(NOW), 'expires_ms', expires)
  if error then
    redis.call('HSET', key, 'error', error)
  end
  redis.call('ZREM', DEADLINES, job.id)
  redis.call('ZADD', JOB_EXPIRY, expires, job.id)
  if redis.call('HEXISTS', key, 'result_blobs') == 1 or redis.call('HEXISTS', key, 'result') == 1 then
    redis.call('ZADD', RESULT_EXPIRY, int(NOW + tonumber(job.result_ttl_ms)), job.id)
  end
  if job.resource and redis.call('HGET', RESOURCE .. job.resource, 'job_id') == job.id then
    local record = { 'status', resource_status }
    local blobs = {}
    for name, value in pairs(resource or {}) do
      record[#record + 1] = name
      record[#record + 1] = value
      if string.sub(name, -6) == 'digest' then
        blobs[#blobs + 1] = value
      end
    end
    redis.call('HSET', RESOURCE .. job.resource, unpack(record))
    hold(blobs)
    local held = redis.call('HGET', RESOURCE .. job.resource, 'blobs') or ''
    redis.call('HSET', RESOURCE .. job.resource, 'blobs', held .. ' ' .. table.concat(blobs, ' '))
  end
  count(job, status)
  touch(job.id)
  return emit(job.id, status)
end

-- Gives an attempt's job back: to the queue, or to its end when it was cancelled, is late or has failed too often.
-- Returns the values of the job's fields.
local function give_back(job, counted, delay_ms, exhausted)
  if job.cancel_requested_ms then
    return finish(job, 'cancelled', CANCELLED, nil, 'failed')
  end
  if past_deadline(job) then
    return finish(job, 'failed', DEADLINE_EXCEEDED, nil, 'failed')
  end
  local failures = redis.call('HINCRBY', JOB .. job.id, 'failures', counted)
  if failures >= tonumber(job.max_attempts) then
    return finish(job, 'failed', exhausted, nil, 'failed')
  end
  set_status(job, 'queued')
  redis.call('HSET', JOB .. job.id, 'hints', 0)
  redis.call('HDEL', JOB .. job.id, 'progress', 'claim_token')
  redis.call('ZADD', QUEUED .. job.type, int(NOW), job.id)
  local stale_ms = tonumber(redis.call('HGET', JOB .. job.id, 'stale_ms'))
  redis.call('ZADD', HINTS, int(NOW + (delay_ms > 0 and delay_ms or stale_ms)), job.id)
  count(job, 'requeued')
  touch(job.id)
  if delay_ms <= 0 then
    hint(job)
  end
  return emit(job.id, 'queued')
end

-- Removes a finished job. Its id stays known as gone for as long as the record had been kept.
local function forget(job)
  local key = JOB .. job.id
  local rest = redis.call('HMGET', key, 'idem', 'blobs', 'result_blobs')
  for _, index in ipairs(indexes(job.tenant, job.type, cjson.decode(job.labels))) do
    redis.call('ZREM', index, job.id)
  end
  redis.call('ZREM', status_index(job, job.status), job.id)
  redis.call('HINCRBY', COUNTS, job.type .. ':' .. job.status, -1)
  redis.call('ZREM', RESULT_EXPIRY, job.id)
  redis.call('ZREM', JOB_EXPIRY, job.id)
  if rest[1] then
    redis.call('DEL', IDEMPOTENCY .. rest[1])
  end
  drop(words(rest[2] or nil))
  drop(words(rest[3] or nil))
  redis.call('DEL', key, EVENTS .. job.id)
  redis.call('SET', GONE .. job.id, job.tenant, 'PX', job.job_ttl_ms)
  redis.call('PUBLISH', CHANGE .. job.id, 'gone')
end
