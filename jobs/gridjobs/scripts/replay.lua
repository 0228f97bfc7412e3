-- Finds what an idempotency key has brought. ARGV: the key's scope, the digest of the input.
local known = redis.call('GET', IDEMPOTENCY .. ARGV[1])
if not known then
  return { 'unknown' }
end
local fingerprint, first = string.match(known, '^(%x+):(.+)$')
if fingerprint ~= ARGV[2] then
  return { 'conflict' }
end
return { 'replayed', job_values(first) }
