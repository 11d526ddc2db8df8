-- Lets held leases live longer.
--
-- KEYS, for each lease: its notification's hash, its cancel.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] how long the hash is kept, ms;
-- then for each lease: the field of its send, worker, how long it lives from now, ms.
-- Answers for each: held | lost | canceled: it is still this worker's, and no send of it may start. A lease never ends earlier than it was
-- told. What cannot be read is nobody's.
local now_ms = tonumber(ARGV[1])
if not now_ms then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local answers = {}
for i = 1, #KEYS / 2 do
  local hash, at = KEYS[2 * i - 1], 3 * i
  local field, worker, lease_ms = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local known = redis.pcall('HGET', hash, field)
  if is_fault(known) then return known end
  local progress, until_ms, holder = string.match(type(known) == 'string' and known or '', '^leased (%d+ %d+) (%d+) (.*)$')
  answers[i] = 'lost'
  if holder == worker then
    answers[i] = redis.call('EXISTS', KEYS[2 * i]) == 1 and 'canceled' or 'held'
    redis.call('HSET', hash, field, string.format('leased %s %.0f %s', progress, math.max(now_ms + lease_ms, tonumber(until_ms)), worker))
    redis.call('PEXPIRE', hash, ARGV[2])
  end
end
return answers
