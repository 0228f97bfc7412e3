-- A page of resources, newest first. ARGV: {kind}:{tenant}, the member to go on below ('' to start), how many.
local list, below, limit = RESOURCES .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local top = below == '' and '+' or '(' .. below
local members = redis.call('ZRANGE', list, top, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit + 1)
local more = #members > limit
if more then
  members[#members] = nil
end
local records = {}
for i, member in ipairs(members) do
  records[i] = redis.call('HGETALL', RESOURCE .. ARGV[1] .. ':' .. string.match(member, ':(.+)$'))
end
return { 'ok', records, more and members[#members] or '' }
