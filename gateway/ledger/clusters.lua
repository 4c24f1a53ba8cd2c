-- The clusters of customers, all of one call at once; on a cluster of servers, those of one hash tag.
-- gateway/ledger/clusters_memory.py does the same; tests/test_contracts_clusters.py compares them;
-- gateway/ledger/clusters.py says what it is about. Before this text clusters_redis.py puts `likeness`, `bounds`,
-- `sizes` and `windows`.
--
-- KEYS: of each operation, what the keys of its customer begin with. ARGV: of each, in MessagePack, {what, now (ms), ...}:
--   place    whether the features are all, id for a new cluster, recipients; behind it the features, four octets each,
--            ascending -> {id, since, messages, reach ...}, or {} where the message cannot be known again
--   reached  cluster, recipients, holder or '' -> {}
--   hold     cluster, holder, recipients, most -> {}, or {how many others} where there is no room
--   let_go   cluster, holder, recipients -> {}
--   grown    -> {{id, since, last, messages}, ...}
--   reach    cluster of several messages -> {reach ...}
-- The answers are in MessagePack; in the place of one that failed stands its error.
--
-- Held are, in numbers of so many octets: of one message since (6), top (4), how many features (2), these (4 each), then
-- recipients (16) and when they were reached (6, 0 while the first is on the way); of several since, last (6 each), messages (4), weight (1), top (4), how
-- many features (2), these, then how many messages had each (1). Postings are ids with spaces between them.
local alike, not_unlike, pair, pair_not_unlike, fewest, core, common_after, common_share, noted_from =
  unpack(likeness)
local INDEXED, POSTED, COMPARED, HELD, WEIGHT, YOUNG, FEW, PACED, TTL = unpack(sizes)
local ALL, FIRST = 4294967295, 24
local SINGLE, GROWN, SINGLE_POSTINGS, GROWN_POSTINGS, COMMON = 1, 2, 3, 4, 5
local NEWER = { '=single', '=grown', '=single-postings', '=grown-postings', '=common' }
local OLDER = { '=single-old', '=grown-old', '=single-postings-old', '=grown-postings-old', '=common-old' }
local call, sub, match, gmatch, floor, min, max =
  redis.call, string.sub, string.match, string.gmatch, math.floor, math.min, math.max
local base, now -- of the operation

local function get(kind, field)
  return call('HGET', base .. NEWER[kind], field) or call('HGET', base .. OLDER[kind], field)
end

local function get_all(kind, fields)
  if #fields == 0 then return {} end
  local found, names, places = call('HMGET', base .. NEWER[kind], unpack(fields)), {}, {}
  for i = 1, #fields do
    if not found[i] then
      names[#names + 1] = fields[i]
      places[#places + 1] = i
    end
  end
  if #names > 0 then
    local older = call('HMGET', base .. OLDER[kind], unpack(names))
    for at, i in ipairs(places) do found[i] = older[at] end
  end
  return found
end

-- As if they were put one after the other; `flat` has fields and values in turn.
local function put(kind, flat)
  local newer, bound = base .. NEWER[kind], bounds[kind]
  if call('HLEN', newer) + #flat / 2 < bound then
    call('HSET', newer, unpack(flat))
  else
    for i = 1, #flat, 2 do
      call('HSET', newer, flat[i], flat[i + 1])
      if call('HLEN', newer) >= bound then
        call('EXPIRE', newer, TTL)
        call('RENAME', newer, base .. OLDER[kind])
      end
    end
  end
  call('EXPIRE', newer, TTL)
end

local function numbers(octets, count, from)
  local found = { struct.unpack('>' .. string.rep('I4', count), octets, from) }
  found[count + 1] = nil -- where it ended
  return found
end

local function single(raw)
  local since, top, count = struct.unpack('>I6I4I2', raw)
  return { since = since, last = since, messages = 1, weight = 1, top = top, count = count, raw = raw, from = 13 }
end

local function several(raw)
  local since, last, messages, weight, top, count = struct.unpack('>I6I6I4BI4I2', raw)
  return {
    since = since, last = last, messages = messages, weight = weight, top = top, count = count, raw = raw, from = 24,
    times = { string.byte(raw, 24 + 4 * count, 23 + 5 * count) },
  }
end

-- Recipients that a cluster of one message holds, and when they were reached; one that was not is left out.
local function few_of(raw)
  local _, _, count = struct.unpack('>I6I4I2', raw)
  local recipients, times = {}, {}
  for at = 13 + 4 * count, #raw, 22 do
    local time = struct.unpack('>I6', raw, at + 16)
    if time > 0 then
      recipients[#recipients + 1] = sub(raw, at, at + 15)
      times[#times + 1] = time
    end
  end
  return recipients, times
end

local function slot_at(ms, window) return floor(ms * window[2] / (window[1] * 1000)) end
local function sketch_key(id, window, slot) return base .. '=reach:' .. id .. ':' .. window[1] .. ':' .. slot end

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
      for from = 1, #some, 1000 do call('PFADD', key, unpack(some, from, min(from + 999, #some))) end
      call('EXPIRE', key, math.ceil(window[1] + window[1] / window[2]))
    end
  end
end

local function beside(recipients)
  local key = base .. '=beside'
  for from = 1, #recipients, 1000 do call('PFADD', key, unpack(recipients, from, min(from + 999, #recipients))) end
  return key
end

-- The reach of a cluster that nothing was counted in.
local function reach_of_new(recipients)
  local figure = #recipients
  if figure > 1 then figure = call('PFCOUNT', beside(recipients)) end
  if #recipients > 1 then call('DEL', base .. '=beside') end
  local figures = {}
  for i = 1, #windows do figures[i] = figure end
  return figures
end

-- `since` is when the cluster was founded.
local function reach(id, since, recipients)
  local figures, asked = {}, #recipients > 0 and beside(recipients)
  for at, window in ipairs(windows) do
    local slot, keys = slot_at(now, window), {}
    local oldest = slot - window[2]
    -- Nothing was counted before it was there; a slot earlier by a clock that is behind.
    if since <= now then oldest = max(oldest, slot_at(since, window) - 1) end
    for each = oldest, slot do keys[#keys + 1] = sketch_key(id, window, each) end
    if asked then keys[#keys + 1] = asked end
    figures[at] = call('PFCOUNT', unpack(keys))
  end
  if asked then call('DEL', asked) end
  return figures
end

-- Who is on the way or was reached lately: a recipient, or the two parts of one that is held.
local function pace_key(id) return base .. '=pace:' .. id end

local function hold(id, holder, recipients, most)
  local key = pace_key(id)
  call('ZREMRANGEBYSCORE', key, '-inf', now - PACED * 1000)
  if call('ZCARD', key) + #recipients > most then -- unless some are among these, or there twice
    local counted, count = {}, 0
    for _, recipient in ipairs(recipients) do counted[recipient] = true end
    for _, member in ipairs(call('ZRANGE', key, 0, -1)) do
      local recipient = sub(member, 1, 16)
      if not counted[recipient] then
        counted[recipient] = true
        count = count + 1
      end
    end
    if count + #recipients > most then return { count } end
  end
  for _, recipient in ipairs(recipients) do call('ZADD', key, now, recipient .. holder) end
  call('EXPIRE', key, PACED)
  return {}
end

local function let_go(id, holder, recipients)
  for _, recipient in ipairs(recipients) do call('ZREM', pace_key(id), recipient .. holder) end
  return {}
end

local function reached(id, recipients, holder)
  local raw, times, key = get(SINGLE, id), {}, pace_key(id)
  for i, recipient in ipairs(recipients) do
    times[i] = now
    if holder ~= '' then
      call('ZREM', key, recipient .. holder)
      call('ZADD', key, now, recipient)
    else -- who founded the cluster may stand there
      call('ZADD', key, 'XX', now, recipient)
    end
  end
  if holder ~= '' then call('EXPIRE', key, PACED) end
  if raw then
    local few, before = few_of(raw)
    local _, _, count = struct.unpack('>I6I4I2', raw)
    local held = { sub(raw, 1, 12 + 4 * count) }
    if #few + #recipients <= FEW then
      for i, recipient in ipairs(few) do held[#held + 1] = recipient .. struct.pack('>I6', before[i]) end
      for _, recipient in ipairs(recipients) do held[#held + 1] = recipient .. struct.pack('>I6', now) end
      put(SINGLE, { id, table.concat(held) })
      return {}
    end
    if #few > 0 then sketch(id, few, before) end
    put(SINGLE, { id, held[1] })
  end
  sketch(id, recipients, times)
  return {}
end

local function reach_of(id)
  local raw = get(GROWN, id)
  return reach(id, raw and several(raw).since or 0, {})
end

local function grown()
  local listed, seen = {}, {}
  for _, key in ipairs({ NEWER[GROWN], OLDER[GROWN] }) do
    local flat = call('HGETALL', base .. key)
    for i = 1, #flat, 2 do
      if not seen[flat[i]] then
        seen[flat[i]] = true
        local held = several(flat[i + 1])
        listed[#listed + 1] = { flat[i], held.since, held.last, held.messages }
      end
    end
  end
  return listed
end

-- The message that is placed: `octets` and number of its features, `top`, what of it is common text.
local function message_of(octets, all)
  local count = #octets / 4
  local last = struct.unpack('>I4', octets, #octets - 3)
  return {
    octets = octets, count = count, top = all and ALL or last,
    looked = 0, noted = {}, counted = {}, is_counted = {}, -- by place; `counted` has the places
  }
end

local function field(message, place) return sub(message.octets, 4 * place - 3, 4 * place) end

local function fields(message, places, from, to)
  local found = {}
  for i = from, to do found[#found + 1] = field(message, places and places[i] or i) end
  return found
end

-- Which of its features, up to this place, are not common text.
local function look(message, to)
  local found = get_all(COMMON, fields(message, nil, message.looked + 1, to))
  for i = message.looked + 1, to do
    local raw, counts = found[i - message.looked], true
    if raw then
      local times, lone = match(raw, '^(%d+) (%d+)$')
      times, lone = tonumber(times), tonumber(lone)
      message.noted[i] = { times, lone }
      counts = times < common_after or times < common_share * (times + lone)
    end
    if counts then
      message.counted[#message.counted + 1] = i
      message.is_counted[i] = true
    end
  end
  message.looked = to
end

-- `alone`: it holds nothing else, and would join.
local function note(message, shared, alone)
  local flat = {}
  for _, place in ipairs(shared) do
    local noted = message.noted[place]
    local times, lone = unpack(noted or { 0, 0 })
    if noted or not alone then
      flat[#flat + 1] = field(message, place)
      flat[#flat + 1] = alone and times .. ' ' .. (lone + 1) or (times + 1) .. ' ' .. lone
    end
  end
  if #flat > 0 then put(COMMON, flat) end
end

-- `held` are the postings of these fields as they are.
local function post(kind, id, names, held)
  local flat = {}
  for i, name in ipairs(names) do
    local raw = held[i]
    if raw and raw ~= '' then
      local ids, there = {}, false
      for each in gmatch(raw, '%S+') do
        ids[#ids + 1] = each
        there = there or each == id
      end
      if not there then ids[#ids + 1] = id end
      raw = table.concat(ids, ' ', max(1, #ids - POSTED + 1))
    else
      raw = id
    end
    flat[2 * i - 1], flat[2 * i] = name, raw
  end
  if #flat > 0 then put(kind, flat) end
end

local function compare(id, held, message)
  local top, least = min(held.top, message.top), core * held.weight
  local place_of, is_counted, times = message.place_of, message.is_counted, held.times
  local features = numbers(held.raw, held.count, held.from)
  local shared, count, both, common, theirs = {}, 0, 0, 0, 0
  for i = 1, held.count do
    if not times or times[i] >= least then
      local feature = features[i]
      local place, within = place_of[feature], feature <= top
      if within then theirs = theirs + 1 end
      if place then
        shared[place] = true
        count = count + 1
        if within then
          if is_counted[place] then both = both + 1 else common = common + 1 end
        end
      end
    end
  end
  theirs = theirs - common -- common text that both hold counts for neither
  local mine = #message.counted
  while mine > 0 and message.features[message.counted[mine]] > top do mine = mine - 1 end
  local one, other = alike, not_unlike
  if held.messages == 1 then one, other = pair, pair_not_unlike end
  local less, more = min(mine, theirs), max(mine, theirs)
  local joins = both >= fewest and both >= one * less and both >= other * more
  held.features = features
  return { id = id, held = held, is_shared = shared, count = count, like = joins and both / less or 0 }
end

local function before(a, b) -- whether b ranks above a
  if (a.like > 0) ~= (b.like > 0) then return b.like > 0 end
  if a.like > 0 then
    if a.held.weight ~= b.held.weight then return b.held.weight > a.held.weight end
    if a.like ~= b.like then return b.like > a.like end
  end
  return b.count > a.count
end

-- The ids that most of these postings have, the first of them in the order of their names.
local function most_voted(one, other, count)
  local votes, ids = {}, {}
  for i = 1, count do
    local voted = {}
    for _, raw in ipairs({ one[i] or '', other[i] or '' }) do
      for id in gmatch(raw, '%S+') do
        if not voted[id] then
          voted[id] = true
          if not votes[id] then ids[#ids + 1] = id end
          votes[id] = (votes[id] or 0) + 1
        end
      end
    end
  end
  local first = {}
  for _, id in ipairs(ids) do
    local at = #first
    while at > 0 and (votes[id] > votes[first[at]] or votes[id] == votes[first[at]] and id < first[at]) do at = at - 1 end
    if at < COMPARED then
      table.insert(first, at + 1, id)
      first[COMPARED + 1] = nil
    end
  end
  return first
end

-- The cluster that it joins, else the one that it shares most with; `sought` is what it is looked for by, and stays.
local function find(message, sought)
  local names = fields(message, sought.places, 1, sought.count)
  sought.names, sought.singles = names, get_all(SINGLE_POSTINGS, names)
  local ids = most_voted(sought.singles, get_all(GROWN_POSTINGS, names), sought.count)
  if #ids == 0 then return nil end
  look(message, message.count)
  message.features, message.place_of = numbers(message.octets, message.count, 1), {}
  for place, feature in ipairs(message.features) do message.place_of[feature] = place end
  if sought.all then
    message.counted, message.is_counted = {}, {}
    for i = 1, message.count do message.counted[i], message.is_counted[i] = i, true end
  end
  local held, others, best = get_all(SINGLE, ids), {}, nil
  for i, id in ipairs(ids) do
    if not held[i] then others[#others + 1] = id end
  end
  local of_several, at = get_all(GROWN, others), 0
  for i, id in ipairs(ids) do
    local cluster = held[i] and single(held[i])
    if not cluster then
      at = at + 1
      cluster = of_several[at] and several(of_several[at])
    end
    if cluster then
      local found = compare(id, cluster, message)
      if not best or before(best, found) then best = found end
    end
  end
  if best then
    best.shared = {}
    for place = 1, message.count do
      if best.is_shared[place] then best.shared[#best.shared + 1] = place end
    end
  end
  return best
end

-- The features of a cluster with those of a message, ascending, and how many messages had each.
local function merged(held, message)
  local features, times, mine, theirs, i, j = {}, {}, message.features, held.features, 1, 1
  while mine[i] or theirs[j] do
    local to = #features + 1
    if not theirs[j] or (mine[i] and mine[i] < theirs[j]) then
      features[to], times[to], i = mine[i], 1, i + 1
    else
      local had = held.times and held.times[j] or 1
      if mine[i] == theirs[j] then
        had, i = had + 1, i + 1
      end
      features[to], times[to], j = theirs[j], had, j + 1
    end
  end
  return features, times
end

-- Only those that most messages had, the smallest of the rest; where `halved`, of half as many.
local function kept(features, times, halved)
  local by_times, most = {}, 0
  for i = 1, #features do
    if halved then times[i] = floor(times[i] / 2) end
    by_times[times[i]] = (by_times[times[i]] or 0) + 1
    most = max(most, times[i])
  end
  local least, room = most, HELD
  while least > 0 and (by_times[least] or 0) < room do
    room = room - (by_times[least] or 0)
    least = least - 1
  end
  local some, theirs = {}, {}
  for i = 1, #features do
    if times[i] > least or (times[i] == least and least > 0 and room > 0) then
      if times[i] == least then room = room - 1 end
      some[#some + 1], theirs[#theirs + 1] = features[i], times[i]
    end
  end
  return some, theirs
end

local function join(found, message)
  local id, held = found.id, found.held
  local few, when = {}, {}
  if held.messages == 1 then
    few, when = few_of(held.raw)
    for at = held.from + 4 * held.count, #held.raw, 22 do
      local time = max(held.since, (struct.unpack('>I6', held.raw, at + 16)))
      call('ZADD', pace_key(id), time, sub(held.raw, at, at + 15))
      call('EXPIRE', pace_key(id), PACED)
    end
  end
  held.messages, held.weight, held.last = held.messages + 1, held.weight + 1, max(now, held.last)
  if held.weight <= YOUNG then held.top = max(held.top, message.top) end
  local features, times = merged(held, message)
  local halved = held.weight >= WEIGHT
  if halved then held.weight = floor(held.weight / 2) end
  if halved or #features > HELD then features, times = kept(features, times, halved) end
  if #few > 0 then sketch(id, few, when) end
  call('HDEL', base .. NEWER[SINGLE], id)
  call('HDEL', base .. OLDER[SINGLE], id)
  local head = struct.pack(
    '>I6I6I4BI4I2', held.since, held.last, held.messages, held.weight, held.top, #features)
  local octets = struct.pack('>' .. string.rep('I4', #features), unpack(features))
  put(GROWN, { id, head .. octets .. string.char(unpack(times)) })
end

local function place(all, id, recipients, octets)
  local message = message_of(octets, all)
  local count = message.count
  look(message, min(FIRST, count))
  if #message.counted < max(INDEXED, fewest) then look(message, count) end
  if #message.counted < fewest then
    local found = find(message, { count = min(INDEXED, count), all = true })
    if found and found.like > 0 then note(message, found.shared, true) end
    return {}
  end
  local sought = { count = min(INDEXED, #message.counted), places = message.counted }
  local found = find(message, sought)
  if found and found.like > 0 then
    join(found, message)
    local places = {}
    for _, each in ipairs(found.shared) do
      if message.is_counted[each] and #places < INDEXED then places[#places + 1] = each end
    end
    local names = fields(message, places, 1, #places)
    post(GROWN_POSTINGS, found.id, names, get_all(GROWN_POSTINGS, names))
    return { found.id, found.held.since, found.held.messages, unpack(reach(found.id, found.held.since, recipients)) }
  end
  if found and #found.shared >= noted_from then note(message, found.shared, false) end
  local first = #recipients == 1 and recipients[1] .. struct.pack('>I6', 0) or ''
  put(SINGLE, { id, struct.pack('>I6I4I2', now, message.top, count) .. octets .. first })
  post(SINGLE_POSTINGS, id, sought.names, sought.singles)
  return { id, now, 1, unpack(reach_of_new(recipients)) }
end

local kinds = { place = place, reached = reached, hold = hold, let_go = let_go, grown = grown, reach = reach_of }

local function done(key, argument)
  local ends, ask = cmsgpack.unpack_one(argument)
  base, now = key, ask[2]
  if ends > 0 then ask[#ask + 1] = sub(argument, ends + 1) end
  return cmsgpack.pack(kinds[ask[1]](unpack(ask, 3)))
end

local answers = {}
for i = 1, #KEYS do
  local fine, answer = pcall(done, KEYS[i], ARGV[i])
  answers[i] = fine and answer or type(answer) == 'table' and answer or redis.error_reply('ERR ' .. tostring(answer))
end
return answers
