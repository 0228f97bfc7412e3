-- Reads a job, and more of its fields. ARGV: job, tenant, further fields.
local id, tenant = ARGV[1], ARGV[2]
local verdict = visibility(id, tenant)
if verdict ~= 'ok' then
  return { verdict }
end
local more = {}
if #ARGV > 2 then
  more = redis.call('HMGET', JOB .. id, unpack(ARGV, 3))
end
return { 'ok', job_values(id), more }
