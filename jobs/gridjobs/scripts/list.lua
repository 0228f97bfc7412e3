-- A page of jobs, newest first. ARGV: id to go on below ('' to start), how many, names of the indexes to be in.
-- Walks the smallest index and looks the rest up; gives back a short page rather than walk for long.
local below, limit, budget = ARGV[1], tonumber(ARGV[2]), 5000
local walked = 3
for i = 4, #ARGV do
  if redis.call('ZCARD', INDEX .. ARGV[i]) < redis.call('ZCARD', INDEX .. ARGV[walked]) then
    walked = i
  end
end

local function in_all(id)
  for i = 3, #ARGV do
    if i ~= walked and not redis.call('ZSCORE', INDEX .. ARGV[i], id) then
      return false
    end
  end
  return true
end

local found, seen = {}, 0
while seen < budget do
  local top = below == '' and '+' or '(' .. below
  local ids = redis.call('ZRANGE', INDEX .. ARGV[walked], top, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit + 1)
  for _, id in ipairs(ids) do
    if #found == limit then
      return { 'ok', found, below }
    end
    below = id
    seen = seen + 1
    if in_all(id) then
      found[#found + 1] = job_values(id)
    end
  end
  if #ids <= limit then
    return { 'ok', found, '' }
  end
end
return { 'ok', found, below }
