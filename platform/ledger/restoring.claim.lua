-- Lets one process load back what a ledger has lost, and tells it how far the one before it had come.
--
-- KEYS: who is at it; how far they have come.
-- ARGV[1] a token of this claim alone; ARGV[2] how long it lives without a word, ms.
-- Answers {1, how far, or nil}; {0}: somebody is at it.
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {0} end
return {1, redis.call('GET', KEYS[2])}
