-- Activity of credentials, all of one call at once; on a cluster, those of one hash tag. gateway/ledger/activity.py does
-- the same, and says what is kept; tests/test_contracts_activity.py compares them.
--
-- KEYS: six of each operation: past, senders, domains, networks, bodies, signals.
-- ARGV[1], in MessagePack: {now (ms; 0: this server's clock), operations}. An operation is
--   {1 look, senders, domains, networks, body, recipients} -> {days known, 1 if guessed, five numbers, five of the past}
--   {2 count, the same} -> {}
--   {3 signal, codes} -> the codes of the last hour
--   {4 guessed} -> {}
--   {5 settle} -> {}
-- The past holds {first day, quiet until, guessed until, days}, where days has the day and its five numbers in turn,
-- oldest first. The answer is the list of theirs, in MessagePack. Every key expires by itself.
local HOUR, DAY, KEPT, MOST, BODIES, QUIET = 3600000, 86400000, 35, 200, 100, 10000
local ask = cmsgpack.unpack(ARGV[1])
local now = ask[1]
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local today, hour = math.floor(now / DAY), math.floor(now / HOUR)
local function text(number) return string.format('%.0f', number) end

local function load(key)
  local raw = redis.call('GET', key)
  local held = raw and cmsgpack.unpack(raw) or { today, 0, 0, {} }
  local days = held[4]
  if #days > 0 and today - days[#days - 5] > KEPT then held = { today, 0, 0, {} } end
  return held
end

local function save(key, held)
  -- A day more, for a clock that is set back.
  redis.call('SET', key, cmsgpack.pack(held), 'PX', text((KEPT + 2) * DAY))
end

local function forget(key) redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - HOUR)) end

local function distinct(key, members, add)
  forget(key)
  local count = redis.call('ZCARD', key)
  for _, member in ipairs(members) do
    if not redis.call('ZSCORE', key, member) then count = count + 1 end
  end
  if add then
    for _, member in ipairs(members) do redis.call('ZADD', key, text(now), member) end
    if count > MOST then redis.call('ZREMRANGEBYRANK', key, 0, count - MOST - 1) end
    redis.call('PEXPIRE', key, HOUR + 60000)
  end
  return math.min(count, MOST)
end

-- The hour stands beside the bodies, under a name that no body has.
local function reach(key, body, recipients, add)
  local held = redis.call('ZSCORE', key, '')
  if held and tonumber(held) ~= hour then redis.call('DEL', key) end
  local count = (tonumber(redis.call('ZSCORE', key, body) or 0)) + recipients
  if add then
    redis.call('ZADD', key, text(hour), '', text(count), body)
    if redis.call('ZCARD', key) > BODIES + 1 then
      local lowest = redis.call('ZRANGE', key, 0, 1)
      redis.call('ZREM', key, lowest[1] == '' and lowest[2] or lowest[1])
    end
    redis.call('PEXPIRE', key, HOUR + 60000)
  end
  return count
end

local function passage(operation, keys, add)
  local held = load(keys[1])
  if now < held[2] then return add and {} or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } end
  local days, day = held[4], today
  local last = #days - 5
  if last > 0 and days[last] > day then day = days[last] end
  local passed = last > 0 and days[last] == day
  local numbers = { (passed and days[last + 1] or 0) + operation[6] }
  for i = 2, 4 do numbers[i] = distinct(keys[i], operation[i], add) end
  numbers[5] = reach(keys[5], operation[5], operation[6], add)
  if add then
    if passed then
      days[last + 1] = numbers[1]
      for i = 2, 5 do days[last + i] = math.max(days[last + i], numbers[i]) end
    else
      table.insert(days, day)
      for i = 1, 5 do table.insert(days, numbers[i]) end
    end
    if days[1] < day - KEPT then
      local kept = {}
      for i = 1, #days do
        if days[i - (i - 1) % 6] >= day - KEPT then kept[#kept + 1] = days[i] end
      end
      held[4] = kept
    end
    save(keys[1], held)
    return {}
  end
  local answer = { day - held[1], now < held[3] and 1 or 0 }
  for i = 1, 5 do table.insert(answer, numbers[i]) end
  for i = 8, 12 do answer[i] = 0 end
  for at = 1, #days, 6 do
    if days[at] < day and days[at] >= day - KEPT then
      for i = 1, 5 do
        if days[at + i] > answer[7 + i] then answer[7 + i] = days[at + i] end
      end
    end
  end
  return answer
end

local kinds = {
  function(operation, keys) return passage(operation, keys, false) end,
  function(operation, keys) return passage(operation, keys, true) end,
  function(operation, keys)
    if now < load(keys[1])[2] then return {} end
    forget(keys[6])
    for _, code in ipairs(operation[2]) do redis.call('ZADD', keys[6], text(now), code) end
    redis.call('PEXPIRE', keys[6], HOUR + 60000)
    save(keys[1], load(keys[1]))
    local codes = redis.call('ZRANGE', keys[6], 0, -1)
    table.sort(codes)
    return codes
  end,
  function(operation, keys)
    local held = load(keys[1])
    held[3] = now + HOUR
    save(keys[1], held)
    return {}
  end,
  function(operation, keys)
    local held = load(keys[1])
    local kept = {}
    for i = 1, #held[4] do
      if held[4][i - (i - 1) % 6] < today then table.insert(kept, held[4][i]) end
    end
    save(keys[1], { held[1], now + QUIET, 0, kept })
    redis.call('DEL', keys[2], keys[3], keys[4], keys[5], keys[6])
    return {}
  end,
}

local answers = {}
for i, operation in ipairs(ask[2]) do
  answers[i] = kinds[operation[1]](operation, { unpack(KEYS, 6 * i - 5, 6 * i) })
end
return cmsgpack.pack(answers)
