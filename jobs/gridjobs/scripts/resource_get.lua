-- Reads a resource. ARGV: {kind}:{tenant}:{id}.
return redis.call('HGETALL', RESOURCE .. ARGV[1])
