-- Reads the events of a job. ARGV: job, tenant, sequence to start after, how many.
local id, tenant, after, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local verdict = visibility(id, tenant)
if verdict ~= 'ok' then
  return { verdict }
end
return { 'ok', redis.call('XRANGE', EVENTS .. id, '(' .. after .. '-0', '+', 'COUNT', limit) }
