-- After a write: whatever was kept or claimed is gone. The mark of another write that has not ended stays.
--
-- KEYS: what was written. ARGV[1] who wrote.
for _, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if held and (string.sub(held, 1, 1) ~= 'W' or held == 'W' .. ARGV[1]) then redis.call('DEL', key) end
end
