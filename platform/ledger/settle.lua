-- Ends leases: only their holders', and a release only where the next record is newer than the lease (rules.ts).
--
-- KEYS, for each result: its notification's hash.
-- ARGV[1] how long the hash is kept, ms; then for each result: the field of its send, worker, state, when it came to that, and of what is
-- released the attempt and wait that are expected next, else two empty ones.
-- Answers for each 1 when it is what is known from now on, or was already, else 0. Told twice it changes nothing the second time, however
-- late. What cannot be read stays as it is.
local answers = {}
for i = 1, #KEYS do
  local hash, at = KEYS[i], 6 * i - 4
  local field, worker, state, at_ms, attempt, wait = unpack(ARGV, at, at + 5)
  local known = redis.pcall('HGET', hash, field)
  if is_fault(known) then return known end
  if type(known) ~= 'string' then known = '' end
  local leased_at, leased_wait, holder = string.match(known, '^leased (%d+) (%d+) %d+ (.*)$')
  answers[i] = 0
  if holder == worker then
    local value
    if state ~= 'released' then
      value = table.concat({ state, leased_at, leased_wait, at_ms }, ' ')
    elseif
      tonumber(leased_at) < tonumber(attempt)
      or (tonumber(leased_at) == tonumber(attempt) and tonumber(leased_wait) < tonumber(wait))
    then
      value = table.concat({ 'released', attempt, wait, at_ms }, ' ')
    end
    if value then
      redis.call('HSET', hash, field, value)
      redis.call('PEXPIRE', hash, ARGV[1])
      answers[i] = 1
    end
  elseif not holder then
    local was, was_at, was_wait, was_ms = string.match(known, '^(%a+) (%d+) (%d+) (%d+)$')
    local is_same = was == state and was_ms == at_ms
    if is_same and (state ~= 'released' or (was_at == attempt and was_wait == wait)) then answers[i] = 1 end
  end
end
return answers
