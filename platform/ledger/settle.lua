-- Ends leases: only their holders', and a release only where the next record is newer than the lease (rules.ts).
--
-- KEYS, for each result: its notification's hash.
-- ARGV[1] how long the hash is kept, ms; then for each result: the field of its send, worker, state, when it came to that, and of what is
-- released the attempt and wait that are expected next, else two empty ones.
-- Told twice it changes nothing the second time, however late.
for i = 1, #KEYS do
  local hash, at = KEYS[i], 6 * i - 4
  local field, worker, state, at_ms, attempt, wait = unpack(ARGV, at, at + 5)
  local known = redis.call('HGET', hash, field)
  local leased_at, leased_wait, holder = string.match(known or '', '^leased (%d+) (%d+) %d+ (.*)$')
  if holder == worker then
    if state ~= 'released' then
      redis.call('HSET', hash, field, table.concat({ state, leased_at, leased_wait, at_ms }, ' '))
      redis.call('PEXPIRE', hash, ARGV[1])
    elseif
      tonumber(leased_at) < tonumber(attempt)
      or (tonumber(leased_at) == tonumber(attempt) and tonumber(leased_wait) < tonumber(wait))
    then
      redis.call('HSET', hash, field, table.concat({ 'released', attempt, wait, at_ms }, ' '))
      redis.call('PEXPIRE', hash, ARGV[1])
    end
  end
end
