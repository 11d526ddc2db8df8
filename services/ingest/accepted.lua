-- Marks reservations as accepted, which is their first byte; leaves alone when they end, and what is not there.
--
-- KEYS: a reservation each. ARGV[1] the mark.
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('SETRANGE', key, 0, ARGV[1]) end
end
