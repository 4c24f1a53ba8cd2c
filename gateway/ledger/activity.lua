-- Activity of credentials, all of one call at once; on a cluster, those of one hash tag. gateway/ledger/activity.py does
-- the same, and says what is kept; tests/test_contracts_activity.py compares them.
--
-- KEYS: of each operation what the keys of its credential begin with: past, senders, domains, networks, bodies, signals.
-- ARGV[1], in MessagePack: {now (ms; 0: this server's clock), operations}. An operation is
--   {1 look, senders, domains, networks, body, recipients} -> {days known, 1 if guessed, five numbers, five of the past}
--   {2 count, the same} -> {}
--   {3 signal, codes} -> the codes of the last hour
--   {4 guessed} -> {}
--   {5 settle} -> {}
-- The past is {first day, quiet until, guessed until, keys renewed, last day, its five numbers, the highest of each on the
-- days before}, and behind it, which is seldom read, these days: each and its five numbers in turn, oldest first. The
-- answer is the list of theirs, in MessagePack. Every key expires by itself.
local HOUR, DAY, KEPT, MOST, BODIES, QUIET = 3600000, 86400000, 35, 200, 100, 10000
local RENEWED = 3000000 -- so long after the keys were renewed they are again; they last for longer than an hour more
local call, max, min = redis.call, math.max, math.min
local ask = cmsgpack.unpack(ARGV[1])
local now = ask[1]
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local today, hour = math.floor(now / DAY), math.floor(now / HOUR)
local function text(number) return string.format('%.0f', number) end
local NOW, AN_HOUR_AGO, PAST_LASTS, HOUR_LASTS =
  text(now), text(now - HOUR), text((KEPT + 2) * DAY), text(2 * HOUR + 60000)
local DISTINCT = { '=senders', '=domains', '=networks' }

local function load(base)
  local raw = call('GET', base .. '=past')
  if raw then
    local ends, held = cmsgpack.unpack_one(raw)
    if held[5] == 0 or today - held[5] <= KEPT then return held, ends > 0 and string.sub(raw, ends + 1) or '' end
  end
  return { today, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, ''
end

local function save(base, held, older)
  -- A day more, for a clock that is set back.
  call('SET', base .. '=past', cmsgpack.pack(held) .. older, 'PX', PAST_LASTS)
end

-- All days, with the last one.
local function days_of(held, older)
  local days = older ~= '' and cmsgpack.unpack(older) or {}
  if held[5] > 0 then
    for at = 5, 10 do days[#days + 1] = held[at] end
  end
  return days
end

-- The highest of each number on days before this one, and these days.
local function before(days, day)
  local most, kept = { 0, 0, 0, 0, 0 }, {}
  for at = 1, #days, 6 do
    if days[at] < day and days[at] >= day - KEPT then
      kept[#kept + 1] = days[at]
      for i = 1, 5 do
        kept[#kept + 1] = days[at + i]
        most[i] = max(most[i], days[at + i])
      end
    end
  end
  return most, kept
end

-- Make this the last day, on which the numbers were these; what is behind it.
local function begin(held, days, day, numbers)
  local most, kept = before(days, day)
  held[5] = day
  for i = 1, 5 do held[5 + i], held[10 + i] = numbers[i], most[i] end
  return #kept > 0 and cmsgpack.pack(kept) or ''
end

local function distinct(key, members)
  local count = call('ZCOUNT', key, '(' .. AN_HOUR_AGO, '+inf')
  if #members > 0 then
    for _, at in ipairs(call('ZMSCORE', key, unpack(members))) do
      if not at or tonumber(at) <= now - HOUR then count = count + 1 end
    end
  end
  return min(count, MOST)
end

local function add_distinct(key, members, renew)
  local added = 0
  if #members > 0 then
    local scored = {}
    for _, member in ipairs(members) do
      scored[#scored + 1] = NOW
      scored[#scored + 1] = member
    end
    added = call('ZADD', key, unpack(scored))
  end
  local count = call('ZCOUNT', key, '(' .. AN_HOUR_AGO, '+inf')
  if added > 0 then
    -- It has grown; else it is as bounded as it was.
    call('ZREMRANGEBYSCORE', key, '-inf', AN_HOUR_AGO)
    if count > MOST then call('ZREMRANGEBYRANK', key, 0, count - MOST - 1) end
  end
  if renew or (added > 0 and count == added) then call('PEXPIRE', key, HOUR_LASTS) end
  return min(count, MOST)
end

-- The hour stands beside the bodies, under a name that no body has.
local function reach(key, body, recipients)
  local held = call('ZMSCORE', key, '', body)
  if held[1] and tonumber(held[1]) ~= hour then
    call('DEL', key)
    return recipients
  end
  return tonumber(held[2] or 0) + recipients
end

local function add_reach(key, body, count, renew)
  local added = call('ZADD', key, text(hour), '', text(count), body)
  if added > 0 and call('ZCARD', key) > BODIES + 1 then
    local lowest = call('ZPOPMIN', key)
    if lowest[1] == '' then
      call('ZPOPMIN', key)
      call('ZADD', key, lowest[2], '')
    end
  end
  if renew or added == 2 then call('PEXPIRE', key, HOUR_LASTS) end
end

local function look(base, operation)
  local held, older = load(base)
  if now < held[2] then return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } end
  local day = max(today, held[5])
  local passed = held[5] == day
  local answer = { day - held[1], now < held[3] and 1 or 0, (passed and held[6] or 0) + operation[6] }
  for i, name in ipairs(DISTINCT) do answer[3 + i] = distinct(base .. name, operation[1 + i]) end
  answer[7] = reach(base .. '=bodies', operation[5], operation[6])
  local most = not passed and before(days_of(held, older), day)
  for i = 1, 5 do answer[7 + i] = most and most[i] or held[10 + i] end
  return answer
end

local function count(base, operation)
  local held, older = load(base)
  if now < held[2] then return {} end
  local day = max(today, held[5])
  local renew = now - held[4] >= RENEWED or now < held[4]
  if renew then held[4] = now end
  if held[5] ~= day then older = begin(held, days_of(held, older), day, { 0, 0, 0, 0, 0 }) end
  held[6] = held[6] + operation[6]
  for i, name in ipairs(DISTINCT) do
    held[6 + i] = max(held[6 + i], add_distinct(base .. name, operation[1 + i], renew))
  end
  local reached = reach(base .. '=bodies', operation[5], operation[6])
  add_reach(base .. '=bodies', operation[5], reached, renew)
  held[10] = max(held[10], reached)
  save(base, held, older)
  return {}
end

local function signal(base, operation)
  local held, older = load(base)
  if now < held[2] then return {} end
  local key = base .. '=signals'
  call('ZREMRANGEBYSCORE', key, '-inf', AN_HOUR_AGO)
  for _, code in ipairs(operation[2]) do call('ZADD', key, NOW, code) end
  call('PEXPIRE', key, HOUR_LASTS)
  save(base, held, older)
  local codes = call('ZRANGE', key, 0, -1)
  table.sort(codes)
  return codes
end

local function guessed(base)
  local held, older = load(base)
  held[3] = now + HOUR
  save(base, held, older)
  return {}
end

local function settle(base)
  local held, older = load(base)
  local _, days = before(days_of(held, older), today)
  local settled = { held[1], now + QUIET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  older = ''
  if #days > 0 then
    local numbers = { unpack(days, #days - 4) }
    older = begin(settled, days, days[#days - 5], numbers)
  end
  save(base, settled, older)
  call('DEL', base .. '=senders', base .. '=domains', base .. '=networks', base .. '=bodies', base .. '=signals')
  return {}
end

local kinds = { look, count, signal, guessed, settle }
local answers = {}
for i, operation in ipairs(ask[2]) do answers[i] = kinds[operation[1]](KEYS[i], operation) end
return cmsgpack.pack(answers)
