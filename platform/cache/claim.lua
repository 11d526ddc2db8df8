-- Looks keys up, and claims those that are not there for whoever asks: one of all who ask loads it, and may fill it in.
--
-- KEYS: what is looked up. ARGV[1] who asks; ARGV[2] how long a claim holds, ms.
-- Answers for each: the value with "V" before it | "C": claimed by somebody else | "W": it is being written now | nil: claimed for who asks.
-- A key holds "V" and a value, "C" and who claimed it, or "W" and who writes.
local answers = {}
for i, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if not held then
    redis.call('SET', key, 'C' .. ARGV[1], 'PX', ARGV[2])
    answers[i] = false
  elseif string.sub(held, 1, 1) == 'V' then
    answers[i] = held
  else
    answers[i] = string.sub(held, 1, 1)
  end
end
return answers
