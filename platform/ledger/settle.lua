-- Ends leases: only their holders', and a release only where the next record is newer than the lease (rules.ts).
--
-- KEYS, for each result: its notification's hash.
-- ARGV[1] how long the hash is kept, ms; then for each result: the field of its send, worker, state, and of what is released the attempt
-- and wait that are expected next, else two empty ones.
-- Told twice it changes nothing the second time, however late.
for i = 1, #KEYS do
  local hash, at = KEYS[i], 5 * i - 3
  local field, worker, state, attempt, wait = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local known = redis.call('HGET', hash, field)
  local leased_at, leased_wait, holder = string.match(known or '', '^leased (%d+) (%d+) %d+ (.*)$')
  if holder == worker then
    if state ~= 'released' then
      redis.call('HSET', hash, field, state .. ' ' .. leased_at .. ' ' .. leased_wait)
      redis.call('PEXPIRE', hash, ARGV[1])
    elseif
      tonumber(leased_at) < tonumber(attempt)
      or (tonumber(leased_at) == tonumber(attempt) and tonumber(leased_wait) < tonumber(wait))
    then
      redis.call('HSET', hash, field, 'released ' .. attempt .. ' ' .. wait)
      redis.call('PEXPIRE', hash, ARGV[1])
    end
  end
end
