import { crc32 } from 'node:zlib';
import type { Clock } from '@weir/kit';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { CacheEntry } from './entry.ts';

/** How long a look-up may take before it counts as a miss. */
export const COMMAND_TIMEOUT_MS = 100;
/** How far ahead of now an entry may lie: what it took to ask for the time, twice. */
const TIME_TOLERANCE_MS = 2 * COMMAND_TIMEOUT_MS;
const FORMAT = 6;
/** The value lies in the blob store; the field tells which it is. */
const FORMAT_LARGE = 7;
const HEADER_BYTES = 60;
const FACTS_MAX_BYTES = 65_535;

/**
 * The clock that the times of entries are on: Redis's, which all routers share, whatever the
 * clocks of their machines say.
 */
export interface SharedTime {
  readonly clock: Clock;
  /** How far ahead of our monotonic clock it is. */
  readonly aheadMs: number;
}

/**
 * An entry in Redis: format (1 byte; 7 when the value lies in the blob store), sensitivity (1),
 * item offset (1), etag length (1), CRC-32 of the key and the rest (4), confirmation time in
 * milliseconds of Redis's clock (8, float), ttl (8, float), stale (8, float), validity (8, float), completeness
 * (8, float), judgement (8, float), length of the notes (2) and of the facts (2), all big-endian; then the
 * notes as lines, the facts as JSON of labels and owner, the etag, all in UTF-8, the field.
 * Undefined: it has more facts than there is room for, and is not shared.
 */
export function encodeEntry(
  key: string,
  entry: CacheEntry,
  { aheadMs }: SharedTime,
): Buffer | undefined {
  const etag = Buffer.from(entry.etag);
  const { validity, completeness, judgement } = entry.judged;
  const notes = Buffer.from(entry.judged.notes.join('\n'));
  const facts = Buffer.from(JSON.stringify([entry.facts.labels, entry.facts.owner]));
  if (facts.length > FACTS_MAX_BYTES) return undefined;
  const factsAt = HEADER_BYTES + notes.length;
  const etagAt = factsAt + facts.length;
  const fieldAt = etagAt + etag.length;
  const bytes = Buffer.alloc(fieldAt + entry.field.length);
  bytes[0] = entry.large ? FORMAT_LARGE : FORMAT;
  bytes[1] = entry.facts.sensitivity;
  bytes[2] = entry.itemOffset;
  bytes[3] = etag.length;
  bytes.writeDoubleBE(entry.confirmedAtMs + aheadMs, 8);
  bytes.writeDoubleBE(entry.ttlMs, 16);
  bytes.writeDoubleBE(entry.staleMs, 24);
  bytes.writeDoubleBE(validity, 32);
  bytes.writeDoubleBE(completeness, 40);
  bytes.writeDoubleBE(judgement, 48);
  bytes.writeUInt16BE(notes.length, 56);
  bytes.writeUInt16BE(facts.length, 58);
  notes.copy(bytes, HEADER_BYTES);
  facts.copy(bytes, factsAt);
  etag.copy(bytes, etagAt);
  bytes.set(entry.field, fieldAt);
  bytes.writeUInt32BE(checksum(key, bytes), 4);
  return bytes;
}

/** The entry of a key that bytes hold; undefined when they hold anything else. */
export function decodeEntry(
  key: string,
  bytes: Buffer,
  { clock, aheadMs }: SharedTime,
): CacheEntry | undefined {
  const large = bytes[0] === FORMAT_LARGE;
  if (bytes.length < HEADER_BYTES || (bytes[0] !== FORMAT && !large)) return undefined;
  if (bytes.readUInt32BE(4) !== checksum(key, bytes)) return undefined;
  const factsAt = HEADER_BYTES + bytes.readUInt16BE(56);
  const etagAt = factsAt + bytes.readUInt16BE(58);
  const fieldAt = etagAt + (bytes[3] ?? 0);
  const notes = bytes.toString('utf8', HEADER_BYTES, factsAt);
  const [labels, owner] = JSON.parse(bytes.toString('utf8', factsAt, etagAt)) as [
    Record<string, string>,
    string,
  ];
  const nowMs = clock.monotonicMs();
  const confirmedAtMs = bytes.readDoubleBE(8) - aheadMs;
  // Redis's clock was set back since: nobody knows how old it is.
  if (confirmedAtMs > nowMs + TIME_TOLERANCE_MS) return undefined;
  return {
    field: new Uint8Array(bytes.subarray(fieldAt)),
    itemOffset: bytes[2] ?? 0,
    negative: false,
    large,
    etag: bytes.toString('utf8', etagAt, fieldAt),
    judged: {
      validity: bytes.readDoubleBE(32),
      completeness: bytes.readDoubleBE(40),
      judgement: bytes.readDoubleBE(48),
      notes: notes === '' ? [] : notes.split('\n'),
    },
    facts: { sensitivity: (bytes[1] ?? 0) as Sensitivity, labels, owner },
    confirmedAtMs: Math.min(confirmedAtMs, nowMs),
    ttlMs: bytes.readDoubleBE(16),
    staleMs: bytes.readDoubleBE(24),
  };
}

/** Over the key too: an entry under another's key is garbage. */
function checksum(key: string, bytes: Buffer): number {
  return crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4), crc32(key)));
}
