-- Reads an integration's breaker, probes it, tells it a result, or moves it by hand: the rules of breaker.ts.
--
-- KEYS: the breaker's hash.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] what is asked: read, probe, success, failure, order.
-- ARGV[3] failures in a row that open it. ARGV[4] how long it stays open, ms. ARGV[5] successes that close it. ARGV[6] how long the hash is
-- kept, ms; one that somebody has moved is kept until they let it go. For a probe ARGV[7] the holder, ARGV[8] the lease, ms; for a result
-- ARGV[7] the holder, ARGV[8] the generation; for orders, of each, its kind, what it is (pause, resume, open, closed, auto) and its number.
-- Answers the phase, the generation, failures in a row, how many ms until somebody may probe; then of a probe 1 when it is granted, else 0,
-- and of a result 1 when it opened the closed breaker, 2 when it closed it, else 0; then 1 when it is held by hand, 1 when it is paused, and
-- for how many ms the phase has lasted, -1: that is not known.
local now_ms = tonumber(ARGV[1])
if not now_ms then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local known = redis.call(
  'HMGET', KEYS[1], 'phase', 'generation', 'failures', 'successes', 'until', 'prober', 'held', 'paused', 'since'
)
local phase, prober = known[1] or 'closed', known[6] or ''
local generation, failures = tonumber(known[2] or 0), tonumber(known[3] or 0)
local successes, until_ms = tonumber(known[4] or 0), tonumber(known[5] or 0)
local held, paused, since_ms = tonumber(known[7] or 0), tonumber(known[8] or 0), tonumber(known[9] or -1)

local function become(next_phase, next_until_ms)
  if phase ~= next_phase then since_ms = now_ms end
  phase, until_ms, generation, failures, successes, prober = next_phase, next_until_ms, generation + 1, 0, 0, ''
end

local function probe(holder, lease_ms)
  if held == 1 or paused == 1 or phase == 'closed' or now_ms < until_ms then return 0 end
  if phase == 'open' then become('half-open', 0) end
  until_ms, prober = now_ms + lease_ms, holder
  return 1
end

local function report(is, holder, of)
  if held == 1 or tonumber(of) ~= generation or phase == 'open' then return 0 end
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

local orders = {
  pause = function() paused = 1 end,
  resume = function() paused = 0 end,
  open = function() held = 1; become('open', now_ms) end,
  closed = function() held = 1; become('closed', 0) end,
  auto = function() held = 0; if phase ~= 'closed' then until_ms = now_ms end end,
}

-- Orders are told again each minute: what is known of them is not written again.
local answer, is_news = 0, false
if ARGV[2] == 'order' then
  for i = 7, #ARGV, 3 do
    local told, is, number = 'told ' .. ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if tonumber(number) > tonumber(redis.call('HGET', KEYS[1], told) or 0) then
      orders[is]()
      redis.call('HSET', KEYS[1], told, number)
      is_news = true
    end
  end
elseif ARGV[2] == 'probe' then
  answer, is_news = probe(ARGV[7], ARGV[8]), true
elseif ARGV[2] ~= 'read' then
  answer, is_news = report(ARGV[2], ARGV[7], ARGV[8]), true
end
if is_news then
  redis.call(
    'HSET', KEYS[1],
    'phase', phase, 'generation', generation, 'failures', failures, 'successes', successes,
    'until', string.format('%.0f', until_ms), 'prober', prober,
    'held', held, 'paused', paused, 'since', string.format('%.0f', since_ms)
  )
  if held == 1 or paused == 1 then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
end

local wait_ms = 0
if phase ~= 'closed' then wait_ms = math.max(0, until_ms - now_ms) end
local for_ms = -1
if since_ms >= 0 then for_ms = math.max(0, now_ms - since_ms) end
return { phase, generation, failures, wait_ms, answer, held, paused, for_ms }
