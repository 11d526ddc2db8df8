-- Ends a claim: the ledger is whole in this run of the server, or its process gives up and leaves the rest to others.
--
-- KEYS: who is at it; how far they have come; the sentinel.
-- ARGV[1] the token of the claim; ARGV[2] the run in which it is whole, or empty.
-- Answers 1; 0: the claim ran out, or was lost with the rest, so that nothing is known to be whole.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '' then
  redis.call('SET', KEYS[3], ARGV[2])
  redis.call('DEL', KEYS[2])
end
return 1
