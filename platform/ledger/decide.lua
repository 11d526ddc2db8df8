-- Records what was decided for each recipient, unless something was before.
--
-- KEYS, for each draft: its notification's hash, its cancel.
-- ARGV[1] how long the hash is kept, ms; then for each draft: the field, the decision.
-- Answers for each draft: {1 when the notification is canceled, else 0; the decision that was there before, or nil}. Empty: there is
-- something of another type.
-- Asked again it answers what it recorded, so that a lost answer does no harm.
local answers = {}
for i = 1, #KEYS / 2 do
  local hash, field, decision = KEYS[2 * i - 1], ARGV[2 * i], ARGV[2 * i + 1]
  local canceled = redis.call('EXISTS', KEYS[2 * i])
  local set = redis.pcall('HSETNX', hash, field, decision)
  if type(set) == 'table' then
    if is_fault(set) then return set end
    answers[i] = {canceled, ''}
  elseif set == 1 then
    redis.call('PEXPIRE', hash, ARGV[1])
    answers[i] = {canceled, false}
  else
    answers[i] = {canceled, redis.call('HGET', hash, field)}
  end
end
return answers
