-- Creates a resource that no job has to make. ARGV: the resource as JSON.
local spec = cjson.decode(ARGV[1])
local name = spec.kind .. ':' .. spec.tenant .. ':' .. spec.id
local status = redis.call('HGET', RESOURCE .. name, 'status')
if status and status ~= 'failed' then
  return { 'exists', redis.call('HGETALL', RESOURCE .. name) }
end
create_resource(name, spec, nil)
return { 'created', redis.call('HGETALL', RESOURCE .. name) }
