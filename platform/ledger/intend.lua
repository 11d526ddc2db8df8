-- Gives each try the lease on its send, or says why not: the rules of rules.ts.
--
-- KEYS, for each try: its notification's hash, its cancel.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] how long the hash is kept, ms;
-- then for each try: the field of its send, attempt, wait, worker, how long the lease lives, ms.
-- Answers for each try, in words:
-- send | unknown | canceled AT | leased UNTIL | settled STATE ATTEMPT WAIT AT | repeat | repeat ATTEMPT WAIT AT
-- A send is kept as STATE ATTEMPT WAIT, and behind it while it is leased UNTIL WORKER, else AT.
--
-- A lease whose answer was lost is nobody's: it runs out, and the next who asks is told unknown.
local function now()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now_ms = now()

-- What is known of a send decides; nil: the lease may be given, as the second value says.
local function standing(known, attempt, wait)
  if not known then return nil, 'send' end
  local state, at, waited, time_ms = string.match(known, '^(%a+) (%d+) (%d+) (%d+)')
  local is_older = attempt < tonumber(at) or (attempt == tonumber(at) and wait < tonumber(waited))
  if state == 'released' then
    if is_older then return 'repeat ' .. at .. ' ' .. waited .. ' ' .. time_ms end
    return nil, 'send'
  end
  if state == 'leased' then
    if is_older then return 'repeat' end
    if now_ms < tonumber(time_ms) then return 'leased ' .. time_ms end
    return nil, 'unknown'
  end
  return 'settled ' .. state .. ' ' .. at .. ' ' .. waited .. ' ' .. time_ms
end

local answers = {}
for i = 1, #KEYS / 2 do
  local hash, at = KEYS[2 * i - 1], 5 * i - 2
  local field, attempt, wait, worker, lease_ms = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local answer, given = standing(redis.call('HGET', hash, field), tonumber(attempt), tonumber(wait))
  if not answer then
    local progress = attempt .. ' ' .. wait
    if redis.call('EXISTS', KEYS[2 * i]) == 1 then
      answer = string.format('canceled %.0f', now_ms)
      redis.call('HSET', hash, field, string.format('canceled %s %.0f', progress, now_ms))
    else
      answer = given
      redis.call('HSET', hash, field, string.format('leased %s %.0f %s', progress, now_ms + lease_ms, worker))
    end
    redis.call('PEXPIRE', hash, ARGV[2])
  end
  answers[i] = answer
end
return answers
