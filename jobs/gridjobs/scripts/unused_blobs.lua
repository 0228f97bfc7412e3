-- Lists blobs that nobody has held for a while. ARGV: how many, how long [ms].
local unused = redis.call('ZRANGE', BLOBS_UNUSED, '-inf', int(NOW - tonumber(ARGV[2])), 'BYSCORE', 'LIMIT', 0, ARGV[1])
local free = {}
for _, digest in ipairs(unused) do
  redis.call('ZREM', BLOBS_UNUSED, digest)
  if redis.call('HEXISTS', BLOB_REFS, digest) == 0 then
    free[#free + 1] = digest
  end
end
return free
