-- Records that nothing is sent to somebody, or that something may be again, unless something later has been said of them.
--
-- KEYS[1] their suppression.
-- ARGV[1] 1 when nothing is sent, else 0; ARGV[2] when that was said; ARGV[3] how long it is kept that something may be sent again, ms.
-- Kept as ARGV[1], a blank, ARGV[2].
local known = string.match(redis.call('GET', KEYS[1]) or '', '^%d (%d+)$')
if known and tonumber(known) >= tonumber(ARGV[2]) then return end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
if ARGV[1] == '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
