-- Removes a finished job on its owner's wish. ARGV: job, tenant.
local id, tenant = ARGV[1], ARGV[2]
local verdict = visibility(id, tenant)
if verdict ~= 'ok' then
  return { verdict }
end
local job = load_job(id)
if not is_done(job.status) then
  return { 'not_finished' }
end
forget(job)
return { 'ok' }
