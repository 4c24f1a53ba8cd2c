-- The counters of one hash tag, all at once. gateway/ledger/memory.py does the same; tests/test_contracts_ledger.py
-- compares them.
--
-- KEYS: one for each operation. ARGV: now (ms; 0: this server's clock), process, lease (ms), then three for each
-- operation: kind, a, b.
--   hold  a: places this process holds now (not a change: said twice or late it does no harm). -> held by all
--   add   a: amount, b: "<ms per one> <most>". -> level
--   mark  a: ms. -> 1
--   marked -> 1 or 0
-- Every key expires by itself. Numbers come and go as text, because Redis cuts the fractions off.
local now, process, lease = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function hold(key, count)
  if tonumber(count) > 0 then
    redis.call('HSET', key, process, count .. ' ' .. string.format('%.0f', now + lease))
  else
    redis.call('HDEL', key, process)
  end
  local total, held = 0, redis.call('HGETALL', key)
  for i = 1, #held, 2 do
    local places, ends = string.match(held[i + 1], '^(%d+) (%d+)$')
    if tonumber(ends) > now then
      total = total + tonumber(places)
    else
      redis.call('HDEL', key, held[i]) -- its process has died
    end
  end
  if total > 0 then redis.call('PEXPIRE', key, lease) end
  return total
end

local function add(key, amount, bounds)
  local drain, most = string.match(bounds, '^(%S+) (%S+)$')
  drain, most = tonumber(drain), tonumber(most)
  local level, held = 0, redis.call('GET', key)
  if held then
    local was, at = string.match(held, '^(%S+) (%S+)$')
    level = math.max(0, tonumber(was) - math.max(0, now - tonumber(at)) / drain)
  end
  level = math.min(most, level + tonumber(amount))
  if level <= 0 then
    redis.call('DEL', key)
    return 0
  end
  redis.call('SET', key, string.format('%.17g %.0f', level, now), 'PX', string.format('%.0f', math.ceil(level * drain)))
  return level
end

local answers = {}
for i, key in ipairs(KEYS) do
  local kind, a, b = ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3]
  local answer
  if kind == 'hold' then
    answer = hold(key, a)
  elseif kind == 'add' then
    answer = add(key, a, b)
  elseif kind == 'mark' then
    redis.call('SET', key, string.format('%.0f', now + tonumber(a)), 'PX', a)
    answer = 1
  else
    local ends = redis.call('GET', key)
    answer = ends and tonumber(ends) > now and 1 or 0
  end
  answers[i] = string.format('%.17g', answer)
end
return answers
