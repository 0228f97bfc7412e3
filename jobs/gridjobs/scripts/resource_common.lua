-- Resources: grids and datasets. `name` is {kind}:{tenant}:{id}.

local function listed_as(name, created_ms)
  local kind, tenant, id = string.match(name, '^([^:]+):([^:]+):(.+)$')
  return RESOURCES .. kind .. ':' .. tenant, string.format('%015d:%s', created_ms, id)
end

-- Creates the record, in place of a failed one if there is any.
local function create_resource(name, spec, job_id)
  local key = RESOURCE .. name
  local old = redis.call('HMGET', key, 'created_ms', 'blobs')
  if old[1] then
    local list, member = listed_as(name, tonumber(old[1]))
    redis.call('ZREM', list, member)
    drop(words(old[2] or nil))
    redis.call('DEL', key)
  end
  local record = { 'id', spec.id, 'kind', spec.kind, 'tenant', spec.tenant, 'status', spec.status,
    'created_ms', int(NOW), 'blobs', table.concat(spec.blobs, ' ') }
  if job_id then
    record[#record + 1] = 'job_id'
    record[#record + 1] = job_id
  end
  for field, value in pairs(spec.fields) do
    record[#record + 1] = field
    record[#record + 1] = value
  end
  redis.call('HSET', key, unpack(record))
  hold(spec.blobs)
  local list, member = listed_as(name, NOW)
  redis.call('ZADD', list, 0, member)
end
