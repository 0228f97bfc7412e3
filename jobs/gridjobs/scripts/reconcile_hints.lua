-- Announces queued jobs again that nobody has claimed. ARGV: how many, longest pause [ms], backlog that is enough.
-- The pause doubles each time, so that a long queue does not fill with copies of the same hints.
local limit, longest_ms, backlog = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('XLEN', OUTBOX_HINTS) > backlog then
  return 0 -- the relay or the broker is behind; what is in the outbox will arrive
end
local due = redis.call('ZRANGE', HINTS, '-inf', int(NOW), 'BYSCORE', 'LIMIT', 0, limit)
for _, id in ipairs(due) do
  local job = load_job(id)
  if job and job.status == 'queued' then
    local hints = redis.call('HINCRBY', JOB .. id, 'hints', 1)
    local stale_ms = tonumber(redis.call('HGET', JOB .. id, 'stale_ms'))
    redis.call('ZADD', HINTS, int(NOW + math.min(stale_ms * 2 ^ hints, longest_ms)), id)
    hint(job)
    count(job, 'hinted_again')
  else
    redis.call('ZREM', HINTS, id)
  end
end
return #due
