-- Gives each try the lease on its send, or says why not: the rules of rules.ts.
--
-- KEYS, for each try: its notification's hash, its cancel.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] how long the hash is kept, ms;
-- then for each try: the field of its send, attempt, wait, worker, how long the lease lives, ms.
-- Answers for each try, in words:
-- send | unknown | canceled AT | leased UNTIL | settled STATE ATTEMPT WAIT AT | repeat | repeat ATTEMPT WAIT AT | malformed
-- A send is kept as STATE ATTEMPT WAIT, and behind it while it is leased UNTIL WORKER, else AT, in 13 digits: of fewer, some were cut. What is
-- kept in any other way is malformed, stays as it is, and concerns its own try alone.
--
-- A lease whose answer was lost is nobody's: it runs out, and the next who asks is told unknown.
local function now()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now_ms = now()
local ends = { sent = true, failed = true, dead = true, expired = true, unresolved = true, canceled = true, suppressed = true, erased = true }
local ended = '^(%a+) (%d+) (%d+) (' .. string.rep('%d', 13) .. ')$'

-- What is known of a send decides; nil: the lease may be given, as the second value says.
local function standing(known, attempt, wait)
  if not known then return nil, 'send' end
  -- A table is an error: the key is of another type.
  if type(known) ~= 'string' then return 'malformed' end
  local leased_at, leased_wait, until_ms = string.match(known, '^leased (%d+) (%d+) (%d+) .')
  if leased_at then
    if attempt < tonumber(leased_at) or (attempt == tonumber(leased_at) and wait < tonumber(leased_wait)) then return 'repeat' end
    if now_ms < tonumber(until_ms) then return 'leased ' .. until_ms end
    return nil, 'unknown'
  end
  local state, at, waited, time_ms = string.match(known, ended)
  if state == 'released' then
    local is_older = attempt < tonumber(at) or (attempt == tonumber(at) and wait < tonumber(waited))
    if is_older then return 'repeat ' .. at .. ' ' .. waited .. ' ' .. time_ms end
    return nil, 'send'
  end
  if not ends[state] then return 'malformed' end
  return 'settled ' .. state .. ' ' .. at .. ' ' .. waited .. ' ' .. time_ms
end

local answers = {}
for i = 1, #KEYS / 2 do
  local hash, at = KEYS[2 * i - 1], 5 * i - 2
  local field, attempt, wait, worker, lease_ms = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local known = redis.pcall('HGET', hash, field)
  if is_fault(known) then return known end
  local answer, given = standing(known, tonumber(attempt), tonumber(wait))
  if not answer then
    local progress = attempt .. ' ' .. wait
    if redis.call('EXISTS', KEYS[2 * i]) == 1 then
      answer = string.format('canceled %.0f', now_ms)
      redis.call('HSET', hash, field, string.format('canceled %s %013.0f', progress, now_ms))
    else
      answer = given
      redis.call('HSET', hash, field, string.format('leased %s %.0f %s', progress, now_ms + lease_ms, worker))
    end
    redis.call('PEXPIRE', hash, ARGV[2])
  end
  answers[i] = answer
end
return answers
