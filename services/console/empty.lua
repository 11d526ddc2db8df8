-- Empties a mailbox.
--
-- KEYS[1] the mailbox. ARGV[1] its new version, [2] how long that is kept, ms.
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
