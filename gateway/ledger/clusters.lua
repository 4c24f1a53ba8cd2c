-- The clusters of one customer. gateway/ledger/clusters_memory.py does the same; tests/test_contracts_clusters.py
-- compares them; gateway/ledger/clusters.py says what it is about.
--
-- KEYS: newer and older generation of clusters of one message, clusters of several, the postings of each, common text;
-- then what the keys of sketches begin with. All have one hash tag.
-- ARGV: what to do, then in MessagePack {now (ms), likeness, bounds, sizes, windows, ...}:
--   place    features, whether these are all, id for a new cluster, recipients
--            -> {id, since, messages, reach ...}, or {} where the message cannot be known again
--   reached  cluster, recipients -> {}
--   grown    -> {{id, since, last, messages}, ...}
--   reach    cluster of several messages -> {reach ...}
local what, ask = ARGV[1], cmsgpack.unpack(ARGV[2])
local now, likeness, bounds, sizes, windows = ask[1], ask[2], ask[3], ask[4], ask[5]
local alike, not_unlike, pair, pair_not_unlike, fewest, core, common_after, common_share, noted_from =
  unpack(likeness)
local INDEXED, POSTED, COMPARED, HELD, WEIGHT, YOUNG, FEW, TTL = unpack(sizes)
local ALL = 4294967295
local SINGLE, GROWN, SINGLE_POSTINGS, GROWN_POSTINGS, COMMON = 1, 2, 3, 4, 5

local function get(kind, field)
  return redis.call('HGET', KEYS[2 * kind - 1], field) or redis.call('HGET', KEYS[2 * kind], field)
end

local function get_all(kind, fields)
  if #fields == 0 then return {} end
  local found, missing = redis.call('HMGET', KEYS[2 * kind - 1], unpack(fields)), {}
  for i, field in ipairs(fields) do
    if not found[i] then table.insert(missing, i) end
  end
  if #missing > 0 then
    local names = {}
    for _, i in ipairs(missing) do table.insert(names, fields[i]) end
    local older = redis.call('HMGET', KEYS[2 * kind], unpack(names))
    for at, i in ipairs(missing) do found[i] = older[at] end
  end
  return found
end

local function put(kind, field, value)
  local newer = KEYS[2 * kind - 1]
  redis.call('HSET', newer, field, value)
  redis.call('EXPIRE', newer, TTL)
  if redis.call('HLEN', newer) >= bounds[kind] then redis.call('RENAME', newer, KEYS[2 * kind]) end
end

local function load(kind, id)
  local raw = get(kind, id)
  if not raw then return nil end
  local part = cmsgpack.unpack(raw)
  local held = { since = part[1], last = part[2], messages = part[3], weight = part[4], top = part[5], few = part[7] }
  held.features = {}
  for i = 1, #part[6], 2 do held.features[part[6][i]] = part[6][i + 1] end
  return held
end

local function save(kind, id, held)
  local flat = {}
  for feature, times in pairs(held.features) do
    table.insert(flat, feature)
    table.insert(flat, times)
  end
  put(kind, id, cmsgpack.pack({ held.since, held.last, held.messages, held.weight, held.top, flat, held.few }))
end

local function slot_at(ms, window) return math.floor(ms * window[2] / (window[1] * 1000)) end
local function sketch_key(id, window, slot) return KEYS[11] .. ':' .. id .. ':' .. window[1] .. ':' .. slot end

local function sketch(id, recipients, times)
  for _, window in ipairs(windows) do
    local by_slot = {}
    for i, recipient in ipairs(recipients) do
      local slot = slot_at(times[i], window)
      by_slot[slot] = by_slot[slot] or {}
      table.insert(by_slot[slot], recipient)
    end
    for slot, some in pairs(by_slot) do
      local key = sketch_key(id, window, slot)
      for from = 1, #some, 1000 do
        redis.call('PFADD', key, unpack(some, from, math.min(from + 999, #some)))
      end
      redis.call('EXPIRE', key, math.ceil(window[1] + window[1] / window[2]))
    end
  end
end

local function spill(id, held)
  local recipients, times = {}, {}
  for i = 1, #held.few, 2 do
    table.insert(recipients, held.few[i])
    table.insert(times, held.few[i + 1])
  end
  if #recipients > 0 then sketch(id, recipients, times) end
  held.few = {}
end

local function reach(id, held, recipients)
  local figures = {}
  local beside = KEYS[11] .. '='
  for _, window in ipairs(windows) do
    local slot, keys = slot_at(now, window), {}
    for back = 0, window[2] do table.insert(keys, sketch_key(id, window, slot - back)) end
    local some = { unpack(recipients) }
    for i = 1, #held.few, 2 do
      if slot_at(held.few[i + 1], window) >= slot - window[2] then table.insert(some, held.few[i]) end
    end
    if #some > 0 then
      redis.call('PFADD', beside, unpack(some))
      table.insert(keys, beside)
    end
    table.insert(figures, redis.call('PFCOUNT', unpack(keys)))
    if #some > 0 then redis.call('DEL', beside) end
  end
  return figures
end

local function reached()
  local id, recipients = ask[6], ask[7]
  local held = load(SINGLE, id)
  local times = {}
  for i = 1, #recipients do times[i] = now end
  if held then
    if #held.few / 2 + #recipients <= FEW then
      for _, recipient in ipairs(recipients) do
        table.insert(held.few, recipient)
        table.insert(held.few, now)
      end
      save(SINGLE, id, held)
      return {}
    end
    spill(id, held)
    save(SINGLE, id, held)
  end
  sketch(id, recipients, times)
  return {}
end

local function grown()
  local listed, seen = {}, {}
  for key = 2 * GROWN - 1, 2 * GROWN do
    local flat = redis.call('HGETALL', KEYS[key])
    for i = 1, #flat, 2 do
      if not seen[flat[i]] then
        seen[flat[i]] = true
        local part = cmsgpack.unpack(flat[i + 1])
        table.insert(listed, { flat[i], part[1], part[2], part[3] })
      end
    end
  end
  return listed
end

local function note(features, alone)
  local held = get_all(COMMON, features)
  for i, feature in ipairs(features) do
    local times, lone = 0, 0
    if held[i] then
      times, lone = string.match(held[i], '^(%d+) (%d+)$')
      times, lone = tonumber(times), tonumber(lone)
    end
    if not alone then
      put(COMMON, feature, (times + 1) .. ' ' .. lone)
    elseif held[i] then
      put(COMMON, feature, times .. ' ' .. (lone + 1))
    end
  end
end

local function post(kind, id, features)
  local held = get_all(kind, features)
  for i, feature in ipairs(features) do
    local ids, there = {}, false
    for each in string.gmatch(held[i] or '', '%S+') do
      table.insert(ids, each)
      there = there or each == id
    end
    if not there then table.insert(ids, id) end
    while #ids > POSTED do table.remove(ids, 1) end
    put(kind, feature, table.concat(ids, ' '))
  end
end

local function compare(id, held, features, top, counted, is_counted)
  top = math.min(held.top, top)
  local least = core * held.weight
  local function has(feature)
    local times = held.features[feature]
    return times and times >= least
  end
  local shared, mine, both, common, theirs = {}, 0, 0, 0, 0
  for _, feature in ipairs(features) do
    if has(feature) then
      table.insert(shared, feature)
      if feature <= top and not is_counted[feature] then common = common + 1 end
    end
  end
  for _, feature in ipairs(counted) do
    if feature <= top then
      mine = mine + 1
      if has(feature) then both = both + 1 end
    end
  end
  for feature, times in pairs(held.features) do
    if times >= least and feature <= top then theirs = theirs + 1 end
  end
  theirs = theirs - common
  local one, other = alike, not_unlike
  if held.messages == 1 then one, other = pair, pair_not_unlike end
  local less, more = math.min(mine, theirs), math.max(mine, theirs)
  local joins = both >= fewest and both >= one * less and both >= other * more
  return { id = id, held = held, shared = shared, like = joins and both / less or 0 }
end

local function before(a, b) -- whether b ranks above a
  if (a.like > 0) ~= (b.like > 0) then return b.like > 0 end
  if a.like > 0 then
    if a.held.weight ~= b.held.weight then return b.held.weight > a.held.weight end
    if a.like ~= b.like then return b.like > a.like end
  end
  return #b.shared > #a.shared
end

local function find(features, top, counted, is_counted)
  local sought, votes, ids = {}, {}, {}
  for i = 1, math.min(INDEXED, #counted) do sought[i] = counted[i] end
  local singles, several = get_all(SINGLE_POSTINGS, sought), get_all(GROWN_POSTINGS, sought)
  for i = 1, #sought do
    local voted = {}
    for id in string.gmatch((singles[i] or '') .. ' ' .. (several[i] or ''), '%S+') do
      if not voted[id] then
        voted[id] = true
        if not votes[id] then table.insert(ids, id) end
        votes[id] = (votes[id] or 0) + 1
      end
    end
  end
  table.sort(ids, function(a, b)
    if votes[a] ~= votes[b] then return votes[a] > votes[b] end
    return a < b
  end)
  local best
  for i = 1, math.min(COMPARED, #ids) do
    local held = load(SINGLE, ids[i]) or load(GROWN, ids[i])
    if held then
      local found = compare(ids[i], held, features, top, counted, is_counted)
      if not best or before(best, found) then best = found end
    end
  end
  return best
end

local function join(found, features, top)
  local id, held = found.id, found.held
  held.messages = held.messages + 1
  held.weight = held.weight + 1
  held.last = math.max(now, held.last)
  if held.weight <= YOUNG then held.top = math.max(held.top, top) end
  for _, feature in ipairs(features) do held.features[feature] = (held.features[feature] or 0) + 1 end
  local all = {}
  if held.weight >= WEIGHT then
    held.weight = math.floor(held.weight / 2)
    for feature, times in pairs(held.features) do
      all[#all + 1] = times >= 2 and { feature, math.floor(times / 2) } or nil
    end
  else
    for feature, times in pairs(held.features) do all[#all + 1] = { feature, times } end
  end
  if #all > HELD then
    table.sort(all, function(a, b)
      if a[2] ~= b[2] then return a[2] > b[2] end
      return a[1] < b[1]
    end)
  end
  held.features = {}
  for i = 1, math.min(HELD, #all) do held.features[all[i][1]] = all[i][2] end
  spill(id, held)
  redis.call('HDEL', KEYS[2 * SINGLE - 1], id)
  redis.call('HDEL', KEYS[2 * SINGLE], id)
  save(GROWN, id, held)
end

local function place()
  local features, all, id, recipients = ask[6], ask[7], ask[8], ask[9]
  local top = all and ALL or features[#features]
  local noted, counted, is_counted = get_all(COMMON, features), {}, {}
  for i, feature in ipairs(features) do
    local times, lone = string.match(noted[i] or '0 0', '^(%d+) (%d+)$')
    times, lone = tonumber(times), tonumber(lone)
    if times < common_after or times < common_share * (times + lone) then
      table.insert(counted, feature)
      is_counted[feature] = true
    end
  end
  if #counted < fewest then
    for _, feature in ipairs(features) do is_counted[feature] = true end
    local found = find(features, top, features, is_counted)
    if found and found.like > 0 then note(found.shared, true) end
    return {}
  end
  local found = find(features, top, counted, is_counted)
  local posted, held = {}, nil
  if found and found.like > 0 then
    id, held = found.id, found.held
    join(found, features, top)
    for _, feature in ipairs(found.shared) do
      if is_counted[feature] and #posted < INDEXED then table.insert(posted, feature) end
    end
    post(GROWN_POSTINGS, id, posted)
  else
    if found and #found.shared >= noted_from then note(found.shared, false) end
    held = { since = now, last = now, messages = 1, weight = 1, top = top, features = {}, few = {} }
    for _, feature in ipairs(features) do held.features[feature] = 1 end
    save(SINGLE, id, held)
    for i = 1, math.min(INDEXED, #counted) do posted[i] = counted[i] end
    post(SINGLE_POSTINGS, id, posted)
  end
  return { id, held.since, held.messages, unpack(reach(id, held, recipients)) }
end

if what == 'place' then return cmsgpack.pack(place()) end
if what == 'reach' then return cmsgpack.pack(reach(ask[6], load(SINGLE, ask[6]) or { few = {} }, ask[7])) end
return cmsgpack.pack(what == 'reached' and reached() or grown())
