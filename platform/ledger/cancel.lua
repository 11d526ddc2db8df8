-- Records that a notification is canceled, and says what had been decided for it.
--
-- KEYS: its cancel, its hash.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] until when it is to be known, ms; ARGV[3] how much longer it is kept,
-- since the clock that said so and this one are two. ARGV[4] what the fields of decisions begin with.
-- Answers field, decision, field, decision, …
-- Said again it is kept for the longer of both. What is of another type holds no decisions.
local now_ms = tonumber(ARGV[1])
if not now_ms then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local left_ms = math.max(tonumber(ARGV[2]) - now_ms, 0) + tonumber(ARGV[3])
if left_ms > redis.call('PTTL', KEYS[1]) then redis.call('SET', KEYS[1], '1', 'PX', string.format('%.0f', left_ms)) end

local decided, all = {}, redis.pcall('HGETALL', KEYS[2])
if is_fault(all) then return all end
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #ARGV[4]) == ARGV[4] then
    decided[#decided + 1] = all[i]
    decided[#decided + 1] = all[i + 1]
  end
end
return decided
