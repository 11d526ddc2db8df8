-- Takes tokens out of an integration's bucket: the rules of bucket.ts.
--
-- KEYS: the bucket's hash.
-- ARGV[1] the time to go by, us; empty: the server's own. ARGV[2] tokens a second. ARGV[3] the burst. ARGV[4] what low leaves.
-- ARGV[5] how long tokens are leased, us. ARGV[6] how long who has not asked takes part, us. ARGV[7] the holder.
-- ARGV[8] given back. ARGV[9] kept. ARGV[10..12] wanted by high, medium, low. ARGV[13] wanted ahead.
-- Answers what was given to high, medium, low and ahead; how many us until the next token for high and for low; how many holders there are.
--
-- In the hash: `level` tokens there were `at` us; `holder NAME` is COUNT UNTIL SEEN; `booked LANE` is book.lua's.
local function now()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local EPSILON = 0.000001
local now_us = now()
local rate, burst, left = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lease_us, seen_us, me = tonumber(ARGV[5]), tonumber(ARGV[6]), 'holder ' .. ARGV[7]
local kept = tonumber(ARGV[9])

local level, at_us, leased, holders = burst, now_us, kept, 1
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local field, value = all[i], all[i + 1]
  if field == 'level' then level = tonumber(value)
  elseif field == 'at' then at_us = tonumber(value)
  elseif field ~= me and string.sub(field, 1, 7) == 'holder ' then
    local count, until_us, seen_at_us = string.match(value, '^(%d+) (%d+) (%d+)$')
    if now_us - tonumber(seen_at_us) >= seen_us then
      redis.call('HDEL', KEYS[1], field)
    else
      holders = holders + 1
      if tonumber(until_us) > now_us then leased = leased + tonumber(count) end
    end
  end
end

level = level + math.max(0, now_us - at_us) / 1000000 * rate + tonumber(ARGV[8])
level = math.max(0, math.min(level, burst - leased))

local function some(wanted, leaves)
  local given = math.max(0, math.min(tonumber(wanted), math.floor(level - leaves + EPSILON)))
  level = level - given
  return given
end
local high = some(ARGV[10], 0)
local medium = some(ARGV[11], 0)
local low = some(ARGV[12], left)
local ahead = some(ARGV[13], left)

redis.call(
  'HSET', KEYS[1],
  'level', string.format('%.9f', level),
  'at', string.format('%.0f', now_us),
  me, string.format('%.0f %.0f %.0f', kept + ahead, now_us + lease_us, now_us)
)

-- Once it is full again there is nothing to remember but what is booked.
local last_us = now_us + burst / rate * 1000000 + seen_us
for _, lane in ipairs({ 'high', 'medium', 'low' }) do
  last_us = math.max(last_us, tonumber(redis.call('HGET', KEYS[1], 'booked ' .. lane) or 0))
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((last_us - now_us) / 1000)))

local function next_us(leaves)
  return math.max(0, math.ceil((1 + leaves - level - EPSILON) / rate * 1000000))
end
return { high, medium, low, ahead, next_us(0), next_us(left), holders }
