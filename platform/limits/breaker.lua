-- Reads an integration's breaker, probes it, or tells it a result: the rules of breaker.ts.
--
-- KEYS: the breaker's hash.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] what is asked: read, probe, success or failure.
-- ARGV[3] failures in a row that open it. ARGV[4] how long it stays open, ms. ARGV[5] successes that close it. ARGV[6] how long the hash is
-- kept, ms. For a probe ARGV[7] the holder, ARGV[8] the lease, ms; for a result ARGV[7] the holder, ARGV[8] the generation.
-- Answers the phase, the generation, failures in a row, how many ms until somebody may probe; then of a probe 1 when it is granted, else 0,
-- and of a result 1 when it opened the closed breaker, 2 when it closed it, else 0.
local now_ms = tonumber(ARGV[1])
if not now_ms then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local known = redis.call('HMGET', KEYS[1], 'phase', 'generation', 'failures', 'successes', 'until', 'prober')
local phase, prober = known[1] or 'closed', known[6] or ''
local generation, failures = tonumber(known[2] or 0), tonumber(known[3] or 0)
local successes, until_ms = tonumber(known[4] or 0), tonumber(known[5] or 0)

local function become(next_phase, next_until_ms)
  phase, until_ms, generation, failures, successes, prober = next_phase, next_until_ms, generation + 1, 0, 0, ''
end

local function probe(holder, lease_ms)
  if phase == 'closed' or now_ms < until_ms then return 0 end
  if phase == 'open' then become('half-open', 0) end
  until_ms, prober = now_ms + lease_ms, holder
  return 1
end

local function report(is, holder, of)
  if tonumber(of) ~= generation or phase == 'open' then return 0 end
  if is == 'failure' then
    if phase == 'half-open' then
      become('open', now_ms + ARGV[4])
    else
      failures = failures + 1
      if failures >= tonumber(ARGV[3]) then
        become('open', now_ms + ARGV[4])
        return 1
      end
    end
    return 0
  end
  failures = 0
  if phase == 'closed' then return 0 end
  successes = successes + 1
  if successes >= tonumber(ARGV[5]) then
    become('closed', 0)
    return 2
  end
  if prober == holder then until_ms = now_ms end
  return 0
end

local answer = 0
if ARGV[2] ~= 'read' then
  if ARGV[2] == 'probe' then answer = probe(ARGV[7], ARGV[8]) else answer = report(ARGV[2], ARGV[7], ARGV[8]) end
  redis.call(
    'HSET', KEYS[1],
    'phase', phase, 'generation', generation, 'failures', failures, 'successes', successes,
    'until', string.format('%.0f', until_ms), 'prober', prober
  )
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end

local wait_ms = 0
if phase ~= 'closed' then wait_ms = math.max(0, until_ms - now_ms) end
return { phase, generation, failures, wait_ms, answer }
