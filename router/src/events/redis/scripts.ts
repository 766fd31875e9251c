import { EARLIER_MAX } from './kept.ts';

// What is done to a log in one step. Redis undoes nothing of a script that fails: all that can fail is
// asked first, and the first write of events is the first that Redis may refuse.
//
// A log is a hash: `head` and `first` as the seam has them, `size` of what is kept in bytes, `epoch`, the
// `run` of Redis that it belongs to, and `earlier`: the epochs before with the last position of each, as
// "epoch:last epoch:last". Beside it lie the stream of its events (t: when it was committed, in
// milliseconds of Redis's clock; e: the event and its publisher), what is known of publications (a hash by
// publisher and key), and when each of those was made (a sorted set).

/** Time, and numbers as texts: Lua would round the large ones. */
const COMMON = `
local function text(number) return string.format('%.0f', number) end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/** Forgets the oldest events beyond what is kept, and what is known of old publications; so many at once. */
const FORGET = `
local function forget(keys, held, ms, kept)
  local count, bytes = 0, 0
  while held.first <= held.head and count < kept.once and bytes < kept.once_bytes do
    local oldest = redis.call('XRANGE', keys.events, '-', '+', 'COUNT', 1)[1]
    if not oldest then held.first, held.size = held.head + 1, 0 break end
    if held.size <= kept.bytes and tonumber(oldest[2][2]) >= ms - kept.ms then break end
    redis.call('XDEL', keys.events, oldest[1])
    held.first = tonumber(string.match(oldest[1], '^%d+')) + 1
    held.size = held.size - #oldest[2][4]
    count, bytes = count + 1, bytes + #oldest[2][4]
  end
  local before = '(' .. text(ms - kept.known_ms)
  local names = redis.call('ZRANGEBYSCORE', keys.times, '-inf', before, 'LIMIT', 0, kept.once)
  local over = redis.call('ZCARD', keys.times) - kept.known
  if #names == 0 and over > 0 then
    names = redis.call('ZRANGE', keys.times, 0, math.min(over, kept.once) - 1)
  end
  for _, name in ipairs(names) do
    redis.call('HDEL', keys.known, name)
    redis.call('ZREM', keys.times, name)
  end
  return count + #names
end
`;

/** Forgets groups that were not written for long; so many at once. */
const FORGET_GROUPS = `
local function forget_groups(groups, times, ms, kept_ms, once)
  local before = '(' .. text(ms - tonumber(kept_ms))
  local names = redis.call('ZRANGEBYSCORE', times, '-inf', before, 'LIMIT', 0, once)
  for _, name in ipairs(names) do
    redis.call('HDEL', groups, name)
    redis.call('ZREM', times, name)
  end
  return #names
end
`;

/**
 * Commits events. KEYS: log, events, known publications, their times, all tenants. ARGV: what is kept
 * (ms, bytes, known ms, known, once, once bytes), the channel, the tenant, a new epoch, the publication (empty: none),
 * its fingerprint, the names of the events as JSON, then the events. Answers "new", "again" or "other",
 * the last position, the epoch and the names.
 *
 * Another run of Redis may have lost the last of what the one before acknowledged, and gives the same
 * positions again: from there on it is another epoch, which goes on from the one before as far as that
 * was kept.
 */
export const APPEND = `${COMMON}${FORGET}
local keys = { log = KEYS[1], events = KEYS[2], known = KEYS[3], times = KEYS[4] }
local kept = {
  ms = tonumber(ARGV[1]), bytes = tonumber(ARGV[2]), known_ms = tonumber(ARGV[3]),
  known = tonumber(ARGV[4]), once = tonumber(ARGV[5]), once_bytes = tonumber(ARGV[6]),
}
local channel, tenant, epoch = ARGV[7], ARGV[8], ARGV[9]
local name, fingerprint, ids = ARGV[10], ARGV[11], ARGV[12]
local ms = now()
local held = redis.call('HMGET', keys.log, 'head', 'first', 'size', 'run', 'epoch', 'earlier')
local log = { head = tonumber(held[1]), first = tonumber(held[2]), size = tonumber(held[3]) }
-- Asked for all, so that what is of another kind fails before anything is written.
local isKept = redis.call('XLEN', keys.events) > 0
redis.call('HLEN', keys.known)
redis.call('ZCARD', keys.times)
redis.call('SISMEMBER', KEYS[5], tenant)
local before = name ~= '' and log.head and redis.call('HGET', keys.known, name)
if before then
  local print, at, position, names = string.match(before, '^(%x+) (%d+) (%d+) (.*)$')
  if tonumber(at) >= ms - kept.known_ms then
    if print ~= fingerprint then return { 'other' } end
    return { 'again', position, held[5], names }
  end
end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local earlier = held[6] or ''
if not log.head then
  -- There was none, or Redis forgot it: what is left of it is of no use.
  redis.call('DEL', keys.events, keys.known, keys.times)
  log, earlier = { head = 0, first = 1, size = 0 }, ''
elseif held[4] == run then
  epoch = held[5]
else
  local epochs = { held[5] .. ':' .. text(log.head) }
  for one in string.gmatch(earlier, '%S+') do
    if #epochs < ${EARLIER_MAX} then table.insert(epochs, one) end
  end
  earlier = table.concat(epochs, ' ')
end
if not isKept then log.first, log.size = log.head + 1, 0 end
for i = 13, #ARGV do
  redis.call('XADD', keys.events, text(log.head + 1) .. '-0', 't', text(ms), 'e', ARGV[i])
  log.head, log.size = log.head + 1, log.size + #ARGV[i]
end
if name ~= '' then
  local made = fingerprint .. ' ' .. text(ms) .. ' ' .. text(log.head) .. ' ' .. ids
  redis.call('HSET', keys.known, name, made)
  redis.call('ZADD', keys.times, text(ms), name)
end
forget(keys, log, ms, kept)
redis.call('HSET', keys.log, 'head', text(log.head), 'first', text(log.first),
  'size', text(log.size), 'run', run, 'epoch', epoch, 'earlier', earlier)
redis.call('SADD', KEYS[5], tenant)
redis.call('PUBLISH', channel, tenant)
return { 'new', text(log.head), epoch, ids }
`;

/**
 * Reads a log. KEYS: log, events. ARGV: after which position, the most events, the most bytes before the
 * last one. Answers head, first, epoch and the earlier ones; then of each event its id, time and bytes.
 */
export const READ = `${COMMON}
local held = redis.call('HMGET', KEYS[1], 'head', 'first', 'epoch', 'earlier')
local head, first = tonumber(held[1] or 0), tonumber(held[2] or 1)
if redis.call('XLEN', KEYS[2]) == 0 then first = head + 1 end
local reply = { text(head), text(first), held[3] or '', held[4] or '' }
local after, most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if after + 1 < first or after >= head then return reply end
local count, size, from = 0, 0, text(after + 1) .. '-0'
while count < most and size < bytes do
  local some = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', math.min(16, most - count))
  for _, one in ipairs(some) do
    if size >= bytes then break end
    table.insert(reply, one[1])
    table.insert(reply, one[2][2])
    table.insert(reply, one[2][4])
    count, size, from = count + 1, size + #one[2][4], '(' .. one[1]
  end
  if #some < 16 then break end
end
return reply
`;

/**
 * Forgets what is beyond what is kept of a log, and groups that were not written for long. KEYS: as in APPEND
 * without the last, groups, their times. ARGV: what is kept as in APPEND, and of groups. Says how much went.
 */
export const KEEP = `${COMMON}${FORGET}${FORGET_GROUPS}
local keys = { log = KEYS[1], events = KEYS[2], known = KEYS[3], times = KEYS[4] }
local kept = {
  ms = tonumber(ARGV[1]), bytes = tonumber(ARGV[2]), known_ms = tonumber(ARGV[3]),
  known = tonumber(ARGV[4]), once = tonumber(ARGV[5]), once_bytes = tonumber(ARGV[6]),
}
local held = redis.call('HMGET', keys.log, 'head', 'first', 'size')
if not held[1] then return 0 end
local log = { head = tonumber(held[1]), first = tonumber(held[2]), size = tonumber(held[3]) }
local count = forget(keys, log, now(), kept)
if count > 0 then
  redis.call('HSET', keys.log, 'first', text(log.first), 'size', text(log.size))
end
return count + forget_groups(KEYS[5], KEYS[6], now(), ARGV[7], kept.once)
`;

/**
 * Forgets a log that has nothing in it any more. KEYS: log, events, known publications, their times, all
 * tenants. ARGV: the log's name.
 */
export const DROP = `
if redis.call('XLEN', KEYS[2]) > 0 then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return redis.call('SREM', KEYS[5], ARGV[1])
`;

/**
 * Writes a group over the version that was read. KEYS: groups, their times. ARGV: name, version, state,
 * for how long one is kept that is not written (ms), the most groups, how many are forgotten at once.
 * Answers 1; 0: somebody else wrote since; -1: there are too many.
 */
export const WRITE_GROUP = `${COMMON}${FORGET_GROUPS}
local held = redis.call('HGET', KEYS[1], ARGV[1])
local version = held and string.match(held, '^(%d+) ') or '0'
redis.call('ZCARD', KEYS[2])
if version ~= ARGV[2] then return 0 end
local ms = now()
if not held then
  forget_groups(KEYS[1], KEYS[2], ms, ARGV[4], ARGV[6])
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return -1 end
end
redis.call('HSET', KEYS[1], ARGV[1], text(tonumber(version) + 1) .. ' ' .. ARGV[3])
redis.call('ZADD', KEYS[2], text(ms), ARGV[1])
return 1
`;
