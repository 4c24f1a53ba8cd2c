-- Windows: what is charged, settled and asked by concurrent sessions, at once; on a cluster, those of one hash tag.
-- gateway/ledger/windows.py does the same; tests/test_contracts_windows.py compares them.
--
-- KEYS: of each charge its counter; where it is shared, the customer's own counter and the sharers, too.
-- ARGV[1], in MessagePack: {now (ms; 0: this server's clock), process, lease (ms), operations}. An operation is
-- {kind, charge, ...}, a charge {place in KEYS, amount, kept, {{length, cap}, ...}, customer, place, place}; kept is a
-- list where it differs between windows.
--   1 reserve  -> {1, what each window of each charge holds ...} or {0, charge, length, cap, wait (ms; -1: for ever)}
--   2 settle: gives back amount, counts kept -> {1}
--   3 hold: this process holds amount, for the customer kept, whatever was known of it -> as reserve
--   4 usage    -> {1, use, wait, use, wait ...}
--   5 recall: so much has passed at least (kept), whatever is known of it -> as reserve
--   6 settle as told by a name, {6, place of the name in KEYS, charge, ...}: once, however often it is told -> {1}
-- The answer is the list of theirs, in MessagePack. A key holds {when something last passed, windows, holders}:
-- a window is {length, newest slot, its count, total, oldest slot, the rest}, where the rest has the count of each
-- older slot and how many slots on the next one is; holders are process, amount and the end of its lease, in turn.
local SLOTS = 60
local ask = cmsgpack.unpack(ARGV[1])
local now, process, lease = ask[1], ask[2], ask[3]
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function slot_at(ms, length) return math.floor(ms * 3 / (length * 50)) end
local function start_of(slot, length) return math.ceil(slot * length * 50 / 3) end

-- Forgets what has left the window. True if that changed it.
local function move(window, ms)
  local slot, changed = slot_at(ms, window[1]), false
  if window[4] == 0 then return false end
  if window[2] > slot then -- the clock was set back: the last is as of now
    window[5] = window[5] - (window[2] - slot)
    window[2] = slot
    changed = true
  end
  local oldest = slot - SLOTS
  if window[5] >= oldest then return changed end
  if window[2] < oldest then
    window[3], window[4], window[6] = 0, 0, ''
    return true
  end
  local at, count, gap = 0
  while window[5] < oldest do
    at, count, gap = cmsgpack.unpack_limit(window[6], 2, at)
    window[4], window[5] = window[4] - count, window[5] + gap
  end
  window[6] = at < 0 and '' or string.sub(window[6], at + 1)
  return true
end

local function add(window, amount, ms)
  if amount <= 0 then return end
  move(window, ms)
  local slot = slot_at(ms, window[1])
  if window[4] == 0 then
    window[2], window[3], window[5], window[6] = slot, amount, slot, ''
  elseif window[2] == slot then
    window[3] = window[3] + amount
  else
    window[6] = window[6] .. cmsgpack.pack(window[3], slot - window[2])
    window[2], window[3] = slot, amount
  end
  window[4] = window[4] + amount
end

-- Milliseconds until so much has left; where that is more than has passed, the rest passes now.
local function wait_for(window, need)
  local slot, at, count, gap = slot_at(now, window[1]), 0
  if window[4] >= need then
    slot = window[5]
    while slot < window[2] do
      at, count, gap = cmsgpack.unpack_limit(window[6], 2, at)
      need = need - count
      if need <= 0 then break end
      slot = slot + gap
    end
  end
  return start_of(slot + SLOTS + 1, window[1]) - now
end

local records = {}

local function window_of(record, length)
  for _, window in ipairs(record.windows) do
    if window[1] == length then return window end
  end
  local window = { length, 0, 0, 0, 0, '' }
  table.insert(record.windows, window)
  return window
end

local function count(record, amount, ms)
  if amount <= 0 then return end
  for _, window in ipairs(record.windows) do add(window, amount, ms) end
  record.last = math.max(record.last, ms)
end

local function load(key)
  local record = records[key]
  if record then return record end
  local raw = redis.call('GET', key)
  local held = raw and cmsgpack.unpack(raw) or { 0, {}, {} }
  record = { last = held[1], windows = held[2], holders = {}, held = 0, dirty = false }
  records[key] = record
  local died, holders = {}, held[3]
  for i = 1, #holders, 3 do
    local holder = { holders[i], holders[i + 1], holders[i + 2] }
    if holder[3] > now then
      table.insert(record.holders, holder)
      record.held = record.held + holder[2]
    else
      table.insert(died, holder)
    end
  end
  if #died > 0 then -- what they had reserved may have passed, at the last when the lease ended
    table.sort(died, function(a, b) return a[3] < b[3] end)
    for _, holder in ipairs(died) do
      for _, window in ipairs(record.windows) do
        add(window, holder[2], math.max(holder[3], window[4] > 0 and start_of(window[2], window[1]) or 0))
      end
      record.last = math.max(record.last, holder[3])
    end
    record.dirty = true
  end
  for _, window in ipairs(record.windows) do
    if move(window, now) then record.dirty = true end
  end
  return record
end

-- This process holds so much more, or less.
local function hold(record, amount)
  if amount == 0 then return end
  record.dirty = true
  for i, holder in ipairs(record.holders) do
    if holder[1] == process then
      local held = math.max(0, holder[2] + amount)
      record.held = record.held + held - holder[2]
      holder[2], holder[3] = held, now + lease
      if held == 0 then table.remove(record.holders, i) end
      return
    end
  end
  if amount > 0 then
    table.insert(record.holders, { process, amount, now + lease })
    record.held = record.held + amount
  end
end

local joined = {} -- the sharers of which there is one more

-- Until when the customer takes part: while it has something reserved, and from when something last passed.
local function share(charge)
  local own = records[KEYS[charge[6]]]
  local ends = own.last
  for _, holder in ipairs(own.holders) do ends = math.max(ends, holder[3]) end
  if ends == 0 then
    redis.call('ZREM', KEYS[charge[7]], charge[5])
  elseif redis.call('ZADD', KEYS[charge[7]], string.format('%.0f', ends), charge[5]) > 0 then
    joined[KEYS[charge[7]]] = true
  end
end

local function both(charge, change)
  change(load(KEYS[charge[1]]))
  if charge[5] ~= '' then
    change(load(KEYS[charge[6]]))
    share(charge)
  end
end

local function share_wait(charge, length, cap)
  local sharers = KEYS[charge[7]]
  local since = start_of(slot_at(now, length) - SLOTS, length)
  local others = redis.call('ZCOUNT', sharers, string.format('%.0f', since), '+inf')
  local score = redis.call('ZSCORE', sharers, charge[5])
  if score and tonumber(score) >= since then others = others - 1 end
  local fair = math.floor(cap / (others + 1))
  local own = load(KEYS[charge[6]])
  local window = window_of(own, length)
  local need = window[4] + own.held + charge[2] - fair
  if need <= 0 then return 0 end
  if charge[2] > fair then return math.huge end
  return wait_for(window, need)
end

-- The cap that is short, with the longest wait: length, cap, milliseconds.
local function short_of(charge, caps)
  local record, worst = load(KEYS[charge[1]]), nil
  if charge[2] == 0 then return nil end
  for _, pair in ipairs(caps) do
    local length, cap = pair[1], pair[2]
    local window = window_of(record, length)
    local need = window[4] + record.held + charge[2] - cap
    if need > 0 then
      local wait = charge[2] > cap and math.huge or wait_for(window, need)
      if charge[5] ~= '' then wait = math.min(wait, share_wait(charge, length, cap)) end
      if wait > 0 and (worst == nil or wait > worst[3]) then worst = { length, cap, wait } end
    end
  end
  return worst
end

local function number(wait) return wait == math.huge and -1 or wait end

local function held(operation)
  local answer = { 1 }
  for i = 2, #operation do
    local record = load(KEYS[operation[i][1]])
    for _, pair in ipairs(operation[i][4]) do
      table.insert(answer, window_of(record, pair[1])[4] + record.held)
    end
  end
  return answer
end

local function change(charge, amount, kept)
  both(charge, function(record)
    for i, pair in ipairs(charge[4]) do
      local window = window_of(record, pair[1])
      if type(kept) == 'table' then
        add(window, kept[i], now)
        if kept[i] > 0 then record.last = math.max(record.last, now) end
      end
    end
    hold(record, amount)
    if type(kept) ~= 'table' then count(record, kept, now) end
    record.dirty = true
  end)
end

local function holds(record, caps, amount)
  for _, pair in ipairs(caps) do window_of(record, pair[1]) end
  local known = 0
  for _, holder in ipairs(record.holders) do
    if holder[1] == process then
      known, holder[3] = holder[2], now + lease
    end
  end
  hold(record, amount - known)
  record.dirty = true
end

local kinds = {
  function(operation)
    local taken, worst = {}, nil
    for i = 2, #operation do
      local charge = operation[i]
      local short = short_of(charge, charge[4])
      if short == nil then
        change(charge, charge[2], 0)
        table.insert(taken, charge)
      elseif worst == nil or short[3] > worst[5] then
        worst = { 0, i - 2, short[1], short[2], short[3] }
      end
    end
    if worst == nil then return held(operation) end
    for _, charge in ipairs(taken) do change(charge, -charge[2], 0) end
    worst[5] = number(worst[5])
    return worst
  end,
  function(operation)
    for i = 2, #operation do change(operation[i], -operation[i][2], operation[i][3]) end
    return { 1 }
  end,
  function(operation)
    for i = 2, #operation do
      local charge = operation[i]
      holds(load(KEYS[charge[1]]), charge[4], charge[2])
      if charge[5] ~= '' then
        holds(load(KEYS[charge[6]]), charge[4], charge[3])
        share(charge)
      end
    end
    return held(operation)
  end,
  function(operation)
    local answer = { 1 }
    for i = 2, #operation do
      local charge = operation[i]
      local record = load(KEYS[charge[1]])
      charge[2] = 1
      for _, pair in ipairs(charge[4]) do
        local short = short_of(charge, { pair })
        table.insert(answer, window_of(record, pair[1])[4] + record.held)
        table.insert(answer, short and number(short[3]) or 0)
      end
    end
    return answer
  end,
  function(operation)
    for i = 2, #operation do
      local charge = operation[i]
      local record = load(KEYS[charge[1]])
      for at, pair in ipairs(charge[4]) do
        local window = window_of(record, pair[1])
        add(window, charge[3][at] - record.held - window[4], now)
      end
      record.dirty = true
    end
    return held(operation)
  end,
}

kinds[6] = function(operation)
  local name = KEYS[table.remove(operation, 2)]
  if redis.call('SET', name, '1', 'NX', 'PX', '3600000') then return kinds[2](operation) end
  return { 1 }
end

local answers = {}
for i, operation in ipairs(ask[4]) do answers[i] = kinds[operation[1]](operation) end

for key, record in pairs(records) do
  if record.dirty then
    local windows, holders, ttl, longest = {}, {}, 0, 0
    for _, window in ipairs(record.windows) do
      longest = math.max(longest, window[1])
      if window[4] > 0 then ttl = math.max(ttl, start_of(window[2] + SLOTS + 1, window[1]) - now) end
      if window[4] > 0 or record.held > 0 then table.insert(windows, window) end
    end
    for _, holder in ipairs(record.holders) do
      for _, part in ipairs(holder) do table.insert(holders, part) end
      ttl = math.max(ttl, holder[3] - now + start_of(SLOTS + 1, longest))
    end
    if ttl == 0 then
      redis.call('DEL', key)
    else
      -- A minute more, for a clock that is set back.
      redis.call('SET', key, cmsgpack.pack({ record.last, windows, holders }), 'PX', string.format('%.0f', ttl + 60000))
      record.ttl = ttl
    end
  end
end

for _, operation in ipairs(ask[4]) do
  for i = 2, #operation do
    local charge = operation[i]
    local record = charge[5] ~= '' and records[KEYS[charge[1]]]
    if record and record.dirty then
      local sharers = KEYS[charge[7]]
      if record.ttl then
        local longest = charge[4][#charge[4]][1]
        if joined[sharers] then
          redis.call('ZREMRANGEBYSCORE', sharers, '-inf', string.format('(%.0f', now - start_of(SLOTS + 1, longest)))
        end
        redis.call('PEXPIRE', sharers, string.format('%.0f', record.ttl + 60000))
      else
        redis.call('DEL', sharers)
      end
    end
  end
end
return cmsgpack.pack(answers)
