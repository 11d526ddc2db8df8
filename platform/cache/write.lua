-- Before a write: nothing is answered or filled in while it lasts. If the writer dies this ends by itself, and what is there then is read
-- anew.
--
-- KEYS: what is going to be written. ARGV[1] who writes; ARGV[2] how long a write may last, ms.
for _, key in ipairs(KEYS) do redis.call('SET', key, 'W' .. ARGV[1], 'PX', ARGV[2]) end
