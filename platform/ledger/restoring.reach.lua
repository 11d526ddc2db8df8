-- Says how far the one who loads back has come, which keeps its claim.
--
-- KEYS: who is at it; how far they have come.
-- ARGV[1] the token of the claim; ARGV[2] how long it lives from now, ms; ARGV[3] how far; ARGV[4] how long that is known, ms.
-- Answers 1; 0: the claim ran out, or was lost with the rest, and what this one does counts no more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1
