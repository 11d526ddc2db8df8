-- Keeps a mail in a mailbox, and forgets the oldest ones over its bounds.
--
-- KEYS[1] the mailbox, a hash: all of it or nothing is evicted.
--   version; first and next, places of the oldest mail and of the next one; bytes, of all mails together;
--   at PLACE: a mail's id; about ID: what is told of it without reading it; raw ID: the mail.
-- ARGV[1] the new version, [2] most mails, [3] most bytes, [4] how long the mailbox is kept after its last mail, ms,
--   [5] the mail's id, [6] what is told of it, [7] the mail.
-- Asked again with the same id it changes nothing, so that a lost answer does no harm.
local box, id = KEYS[1], ARGV[5]
if redis.call('HEXISTS', box, 'about ' .. id) == 1 then return end
local state = redis.call('HMGET', box, 'first', 'next', 'bytes')
local first, next, bytes = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)
redis.call('HSET', box, 'at ' .. next, id, 'about ' .. id, ARGV[6], 'raw ' .. id, ARGV[7])
next = next + 1
bytes = bytes + #ARGV[7]
while next - first > tonumber(ARGV[2]) or bytes > tonumber(ARGV[3]) do
  local oldest = redis.call('HGET', box, 'at ' .. first)
  bytes = bytes - redis.call('HSTRLEN', box, 'raw ' .. oldest)
  redis.call('HDEL', box, 'at ' .. first, 'about ' .. oldest, 'raw ' .. oldest)
  first = first + 1
end
redis.call('HSET', box, 'version', ARGV[1], 'first', first, 'next', next, 'bytes', bytes)
redis.call('PEXPIRE', box, ARGV[4])
