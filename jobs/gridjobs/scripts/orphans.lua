-- Tells which blobs nobody holds. ARGV: digests.
local free = {}
for _, digest in ipairs(ARGV) do
  if redis.call('HEXISTS', BLOB_REFS, digest) == 0 then
    free[#free + 1] = digest
  end
end
return free
