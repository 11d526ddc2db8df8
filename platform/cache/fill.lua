-- Fills in what was claimed, if the claim still holds: a write in between has taken it away, since what was loaded may be older.
--
-- KEYS: what was claimed. ARGV[1] who claimed it; ARGV[2] how long values are kept, ms; then for each the value, with "V" before it;
-- empty: nothing is to be kept.
-- Answers how many were filled in.
local filled = 0
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == 'C' .. ARGV[1] then
    if ARGV[i + 2] == '' then
      redis.call('DEL', key)
    else
      redis.call('SET', key, ARGV[i + 2], 'PX', ARGV[2])
      filled = filled + 1
    end
  end
end
return filled
