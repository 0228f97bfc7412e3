-- What the metrics show: present counts, totals, the outbox, and since when the oldest queued job of a type waits.
local counts = redis.call('HGETALL', COUNTS)
local oldest = {}
for i = 1, #counts, 2 do
  local job_type = string.match(counts[i], '^(.+):queued$')
  local first = job_type and redis.call('ZRANGE', QUEUED .. job_type, 0, 0, 'WITHSCORES') or {}
  if first[2] then
    oldest[#oldest + 1] = job_type
    oldest[#oldest + 1] = int(NOW - tonumber(first[2]))
  end
end
return { counts, redis.call('HGETALL', TOTALS), oldest, redis.call('XLEN', OUTBOX_HINTS),
  redis.call('XLEN', OUTBOX_EVENTS) }
