import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ExportChainsResponse,
  ExportChainsResponseSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import {
  type AnchorHeadRequest,
  AnchorHeadRequestSchema,
  type Chain,
  ChainSchema,
  type Entry,
  EntrySchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createChainKeys, signCheckpoint } from '../format/checkpoint.ts';
import { FRAME_BYTES, readFrame, writeFrame } from '../format/frame.ts';
import { genesis, hashBody, hashEntry } from '../format/hash.ts';
import { HEADER_BYTES, headerOffsets, writeHeader } from '../format/header.ts';
import { decodeSegmentStart, SEGMENT_START_BYTES } from '../format/segment.ts';
import { append, openPlace, type Place, texts } from '../test-journal.ts';
import { type VerifyOptions, verifyJournal } from './verify.ts';

// What somebody with every right on the disk or in the database can do to a journal, and what the
// verifier says of it.

/** Of the first chain, its segments; each a file with its frames. */
interface Segment {
  readonly file: string;
  readonly bytes: Buffer;
  readonly frames: readonly {
    readonly offset: number;
    readonly length: number;
    readonly position: number;
  }[];
}

let place: Place;
let chains: string[];
let segments: Segment[];

/** Two chains: the first of several segments, the second of one. */
beforeAll(async () => {
  place = await openPlace();
  const first = await place.open({ segmentMaxBytes: SEGMENT_START_BYTES + 450 });
  for (const text of texts('record', 14)) await append(first, text);
  await first[Symbol.asyncDispose]();
  const second = await place.open();
  await append(second, ...texts('later', 3));
  await second[Symbol.asyncDispose]();
  chains = [first.chain.id, second.chain.id];
  segments = await readSegments(first.chain.id);
  expect(segments.length).toBeGreaterThan(2);
});

afterAll(() => place[Symbol.asyncDispose]());

const verify = (options?: VerifyOptions) => verifyJournal({ directory: place.directory }, options);

test('a journal that nobody touched is right, to its last entry', async () => {
  const { ok, faults, chains: verified } = await verify();
  expect(faults).toEqual([]);
  expect(ok).toBe(true);
  expect(verified.map(({ id }) => id)).toEqual(chains);
  for (const { length, checkpointed, notes } of verified) {
    expect(checkpointed).toBe(length - 1);
    expect(notes).toEqual([]);
  }
});

describe('on the disk', () => {
  test('every change of a byte is found, and where it is', async () => {
    // The first, and one that follows.
    for (const [index, { file, bytes, frames }] of segments.slice(0, 2).entries()) {
      for (let offset = 0; offset < bytes.length; offset += stepAt(offset)) {
        const changed = Buffer.from(bytes);
        changed[offset] = (changed[offset] ?? 0) ^ (1 << (offset % 8));
        await writeFile(file, changed);
        const [fault] = (await verify()).faults;
        const frame = frames.find((one) => offset < one.offset + one.length);
        const expected =
          offset < SEGMENT_START_BYTES
            ? { position: frames[0]?.position, place: { file, offset: 0 } }
            : { position: frame?.position, place: { file, offset: frame?.offset } };
        expect(fault, `byte ${offset} of segment ${index}`).toMatchObject(expected);
      }
      await writeFile(file, bytes);
    }
    expect((await verify()).ok).toBe(true);
  });

  test('an entry that was deleted is missed', async () => {
    await each(async ({ file, bytes }, { offset, length, position }, isLast) => {
      await writeFile(
        file,
        Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + length)]),
      );
      const [fault] = (await verify()).faults;
      expect(fault).toMatchObject({ chain: chains[0], kind: 'missing', position });
      // What the chain behind it found tells of the last.
      expect(fault?.place === undefined).toBe(isLast);
    });
  });

  test('an entry that is there twice is found', async () => {
    await each(async ({ file, bytes }, { offset, length, position }) => {
      const entry = bytes.subarray(offset, offset + length);
      await writeFile(
        file,
        Buffer.concat([bytes.subarray(0, offset), entry, bytes.subarray(offset)]),
      );
      const [fault] = (await verify()).faults;
      expect(fault).toMatchObject({ kind: 'order', position: position + 1 });
      expect(fault?.place?.offset).toBe(offset + length);
    });
  });

  test('entries in another order are found', async () => {
    for (const { file, bytes, frames } of segments) {
      const [a, b] = frames;
      if (!a || !b) continue;
      const swapped = Buffer.concat([
        bytes.subarray(0, a.offset),
        bytes.subarray(b.offset, b.offset + b.length),
        bytes.subarray(a.offset, a.offset + a.length),
        bytes.subarray(b.offset + b.length),
      ]);
      await writeFile(file, swapped);
      const [fault] = (await verify()).faults;
      expect(fault).toMatchObject({ kind: 'missing', position: a.position });
      await writeFile(file, bytes);
    }
  });

  test('segments that were swapped are found, by their names or by what is in them', async () => {
    const [a, b] = segments;
    if (!a || !b) throw new Error('there are several segments');
    await writeFile(a.file, b.bytes);
    await writeFile(b.file, a.bytes);
    expect((await verify()).faults[0]).toMatchObject({ kind: 'order', position: 0 });
    await restore();
  });

  test('a segment that was deleted is missed', async () => {
    for (const { file, frames } of segments) {
      await rm(file);
      const [fault] = (await verify()).faults;
      expect(fault).toMatchObject({ kind: 'missing', position: frames[0]?.position });
      await restore();
    }
  });

  test('the first segments may be gone where a router deletes what it shipped', async () => {
    const [first, next] = segments;
    if (!first || !next) throw new Error('there are several segments');
    await rm(first.file);
    const { ok, chains: verified } = await verify({ pruned: true });
    expect(ok).toBe(true);
    expect(verified[0]?.first).toBe(next.frames[0]?.position);
    expect(verified[0]?.notes).toEqual([
      `entries 0 to ${(verified[0]?.first ?? 0) - 1} are not here`,
    ]);
    await rm(next.file);
    const last = segments.at(-1);
    await writeFile(last?.file ?? '', (last?.bytes ?? Buffer.alloc(0)).subarray(0, -1));
    expect((await verify({ pruned: true })).faults[0]).toMatchObject({ kind: 'missing' });
    await restore();
  });

  test('a chain that was deleted is missed, and one under another name found', async () => {
    const folder = join(place.directory, chains[0] ?? '');
    await rename(folder, `${place.directory}.away`);
    expect((await verify()).faults[0]).toMatchObject({ chain: chains[0], kind: 'missing' });
    const other = join(place.directory, '0'.repeat(32));
    await rename(`${place.directory}.away`, other);
    expect((await verify()).ok).toBe(false);
    await rename(other, folder);
    expect((await verify()).ok).toBe(true);
  });

  test('the end of a chain that was cut off is missed, in the middle of an entry too', async () => {
    const last = segments.at(-1);
    if (!last) throw new Error('there are segments');
    for (let bytes = SEGMENT_START_BYTES; bytes < last.bytes.length; bytes += 7) {
      await writeFile(last.file, last.bytes.subarray(0, bytes));
      const [fault] = (await verify()).faults;
      const whole = last.frames.filter(({ offset, length }) => offset + length <= bytes);
      const position = (last.frames[0]?.position ?? 0) + whole.length;
      expect(fault).toMatchObject({ chain: chains[0], kind: 'missing', position });
    }
    await restore();
  });

  test('what is added behind the end that the next chain found is found', async () => {
    const last = segments.at(-1);
    const end = last?.frames.at(-1);
    if (!last || !end) throw new Error('there are segments');
    const { head } = await chainOf(0);
    const body = Buffer.from('forged');
    await writeFile(last.file, Buffer.concat([last.bytes, frameOf(end.position + 1, head, body)]));
    expect((await verify()).faults[0]).toMatchObject({ kind: 'link', chain: chains[0] });
    await restore();
  });
});

describe('with the hashes made anew', () => {
  test('an entry that was altered alone is found by the one behind it', async () => {
    await each(async ({ file, bytes, frames }, { offset, length, position }) => {
      const isLast = frames.at(-1)?.offset === offset;
      if (isLast || position === 0 || isCheckpoint(bytes, offset)) return;
      const forged = forge(bytes.subarray(offset, offset + length));
      await writeFile(
        file,
        Buffer.concat([bytes.subarray(0, offset), forged, bytes.subarray(offset + length)]),
      );
      expect((await verify()).faults[0]).toMatchObject({ kind: 'tie', position });
    });
  });

  test('a chain that was rewritten from an entry on is found by the next checkpoint', async () => {
    const { entries } = await chainOf(0);
    const at = 2;
    const rewritten = rewrite(entries, at);
    const { faults } = await verifyJournal({ parts: exportOf(await chainOf(0), rewritten) });
    expect(faults[0]).toMatchObject({ kind: 'checkpoint', chain: chains[0], position: 0 });
  });

  test('a chain signed anew with another key is found by the key, or by the chain behind it', async () => {
    const { chain, entries, anchors } = await chainOf(0);
    const keys = createChainKeys();
    const forged = create(ChainSchema, { ...chain, publicKey: keys.publicKey });
    const resigned = resign(forged, entries, keys.privateKey);
    const source = { parts: exportOf({ chain: forged, anchors: [] }, resigned) };
    expect((await verifyJournal(source)).ok).toBe(true);
    const publicKeys = new Map([[chain.id, chain.publicKey]]);
    const known = { parts: exportOf({ chain: forged, anchors: [] }, resigned) };
    expect((await verifyJournal(known, { publicKeys })).faults[0]).toMatchObject({ kind: 'key' });
    const anchored = { parts: exportOf({ chain: forged, anchors: [] }, resigned) };
    expect((await verifyJournal(anchored, { anchors })).faults[0]).toMatchObject({
      kind: 'anchor',
      chain: chain.id,
    });
  });
});

describe('with what the registry was told', () => {
  test('a chain that ends before its last anchor was cut off', async () => {
    const { chain, anchors, entries } = await chainOf(1);
    const [anchor] = anchors;
    if (!anchor) throw new Error('there is an anchor');
    const length = Number(anchor.length);
    expect((await verify({ anchors })).ok).toBe(true);
    for (let kept = 1; kept < length; kept += 1) {
      const parts = exportOf({ chain, anchors }, entries.slice(0, kept));
      const { faults } = await verifyJournal({ parts }, { pruned: true });
      expect(faults).toMatchObject([{ kind: 'anchor', chain: chain.id, position: kept }]);
    }
  });

  test('an anchor that is younger than what is shipped is no fault', async () => {
    const { chain, anchors, entries } = await chainOf(1);
    const parts = () => exportOf({ chain, anchors }, entries.slice(0, 2));
    const fromMs = Number(anchors[0]?.time?.seconds) * 1000;
    const lenient = { pruned: true, unshippedFromMs: fromMs };
    expect((await verifyJournal({ parts: parts() }, lenient)).ok).toBe(true);
    const strict = { pruned: true, unshippedFromMs: fromMs + 60_000 };
    expect((await verifyJournal({ parts: parts() }, strict)).ok).toBe(false);
  });

  test('an anchor of another head, or with a wrong signature, is a fault', async () => {
    const { anchors } = await chainOf(1);
    const [anchor] = anchors;
    if (!anchor) throw new Error('there is an anchor');
    const other = create(AnchorHeadRequestSchema, { ...anchor, head: genesis });
    expect((await verify({ anchors: [other] })).faults[0]).toMatchObject({ kind: 'anchor' });
    const unsigned = create(AnchorHeadRequestSchema, { ...anchor, signature: new Uint8Array(64) });
    expect((await verify({ anchors: [unsigned] })).faults[0]).toMatchObject({ kind: 'anchor' });
  });
});

describe('as the registry exports it', () => {
  test('a whole export is right, from a file too', async () => {
    const parts = [...(await exportedChain(0)), ...(await exportedChain(1))];
    const file = join(dirname(place.directory), 'export');
    await writeFile(
      file,
      Buffer.concat(parts.map((part) => sizeDelimitedEncode(ExportChainsResponseSchema, part))),
    );
    const { ok, chains: verified } = await verifyJournal({ file });
    expect(ok).toBe(true);
    expect(verified.map(({ id, anchors }) => [id, anchors])).toEqual(chains.map((id) => [id, 1]));
  });

  test('bodies that were dropped leave the chain verifiable; what nobody noted is a fault', async () => {
    const read = await chainOf(0);
    const entries = read.entries.map((entry, position) =>
      position === 2 ? create(EntrySchema, { ...entry, body: new Uint8Array() }) : entry,
    );
    const bare = await verifyJournal({ parts: exportOf(read, entries) });
    expect(bare.faults).toMatchObject([{ kind: 'body', position: 2 }]);
    const ranges = [{ first: 2n, count: 1n }];
    const noted = partOf({ case: 'dropped', value: { ranges } });
    const { ok, chains: verified } = await verifyJournal({ parts: exportOf(read, entries, noted) });
    expect(ok).toBe(true);
    expect(verified[0]?.dropped).toBe(1);
  });

  test('what the registry has pruned and found is told', async () => {
    const read = await chainOf(0);
    let head: Uint8Array = genesis;
    for (const { header } of read.entries.slice(0, 3)) head = hashEntry(head, header);
    const rest = read.entries.slice(3);
    const pruned = partOf({ case: 'pruned', value: { length: 3n, head } });
    const whole = exportOf({ ...read, first: 3 }, rest, pruned);
    expect((await verifyJournal({ parts: whole })).ok).toBe(true);
    const unsaid = exportOf({ ...read, first: 3 }, rest);
    expect((await verifyJournal({ parts: unsaid })).faults[0]).toMatchObject({ kind: 'missing' });
    const wrong = partOf({ case: 'pruned', value: { length: 3n, head: genesis } });
    const forged = exportOf({ ...read, first: 3 }, rest, wrong);
    expect((await verifyJournal({ parts: forged })).faults[0]).toMatchObject({ kind: 'tie' });
    const fault = partOf({ case: 'fault', value: { position: 5n, text: 'odd' } });
    const found = await verifyJournal({ parts: exportOf(read, read.entries, fault) });
    expect(found.faults[0]).toMatchObject({ kind: 'noted', position: 5, text: 'odd' });
  });

  const exportedChain = async (index: number) => {
    const read = await chainOf(index);
    return Array.fromAsync(exportOf(read, read.entries));
  };
});

/** All of the padding says the same; the rest is looked at byte by byte. */
function stepAt(offset: number): number {
  const isPadding = offset > 256 && offset < SEGMENT_START_BYTES - 64;
  return isPadding ? 61 : 1;
}

async function each(
  change: (segment: Segment, frame: Segment['frames'][number], isLast: boolean) => Promise<void>,
): Promise<void> {
  for (const segment of segments) {
    for (const frame of segment.frames) {
      const isLast = segment === segments.at(-1) && frame === segment.frames.at(-1);
      await change(segment, frame, isLast);
      await writeFile(segment.file, segment.bytes);
    }
  }
}

async function restore(): Promise<void> {
  for (const { file, bytes } of segments) await writeFile(file, bytes);
  expect((await verify()).ok).toBe(true);
}

async function readSegments(chain: string): Promise<Segment[]> {
  const folder = join(place.directory, chain);
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      const frames: { offset: number; length: number; position: number }[] = [];
      let position = decodeSegmentStart(bytes)?.first ?? 0;
      for (let offset = SEGMENT_START_BYTES; offset < bytes.length; position += 1) {
        const frame = readFrame(bytes, offset);
        if (frame.kind !== 'entry') throw new Error('a good segment');
        frames.push({ offset, length: frame.bytes, position });
        offset += frame.bytes;
      }
      return { file: join(folder, name), bytes, frames };
    }),
  );
}

/** A chain as the registry would hold it. */
async function chainOf(index: number) {
  const read = await readSegments(chains[index] ?? '');
  const start = read[0] && decodeSegmentStart(read[0].bytes);
  if (!start) throw new Error('a good segment');
  const entries = read.flatMap(({ bytes, frames }) =>
    frames.map(({ offset, length }) =>
      create(EntrySchema, {
        header: bytes.subarray(offset + FRAME_BYTES, offset + FRAME_BYTES + HEADER_BYTES),
        body: bytes.subarray(offset + FRAME_BYTES + HEADER_BYTES, offset + length),
      }),
    ),
  );
  const last = entries.at(-1)?.body ?? new Uint8Array();
  const head = entries.reduce<Uint8Array>(
    (before, { header }) => hashEntry(before, header),
    genesis,
  );
  return { chain: start.chain, entries, head, anchors: [anchorOf(last)] };
}

function anchorOf(body: Uint8Array): AnchorHeadRequest {
  return fromBinary(AnchorHeadRequestSchema, body);
}

async function* exportOf(
  {
    chain,
    anchors,
    first = 0,
  }: { chain: Chain; anchors: readonly AnchorHeadRequest[]; first?: number },
  entries: readonly Entry[],
  ...more: readonly ExportChainsResponse[]
): AsyncGenerator<ExportChainsResponse> {
  yield partOf({ case: 'chain', value: chain });
  for (const anchor of anchors) yield partOf({ case: 'anchor', value: anchor });
  yield* more;
  for (let at = 0; at < entries.length; at += 4) {
    const value = {
      chain: chain.id,
      first: BigInt(first + at),
      entries: entries.slice(at, at + 4),
    };
    yield partOf({ case: 'entries', value });
  }
}

function partOf(part: MessageInitShape<typeof ExportChainsResponseSchema>['part']) {
  return create(ExportChainsResponseSchema, part === undefined ? {} : { part });
}

function isCheckpoint(bytes: Buffer, offset: number): boolean {
  return bytes[offset + FRAME_BYTES + headerOffsets.kind] === 4;
}

/** The entry with another body, and a header and a frame that fit it. */
function forge(frame: Buffer): Buffer {
  const forged = Buffer.from(frame);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const body = forged.subarray(FRAME_BYTES + HEADER_BYTES);
  forged.set(hashBody(body), FRAME_BYTES + headerOffsets.bodyHash);
  writeFrame(forged, 0, body.length);
  return forged;
}

function frameOf(position: number, head: Uint8Array, body: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES + HEADER_BYTES + body.length);
  writeHeader(frame, FRAME_BYTES, 'call', position, Date.now(), body.length);
  frame.set(hashBody(body), FRAME_BYTES + headerOffsets.bodyHash);
  frame.set(head.subarray(0, 8), FRAME_BYTES + headerOffsets.tie);
  body.copy(frame, FRAME_BYTES + HEADER_BYTES);
  writeFrame(frame, 0, body.length);
  return frame;
}

/** The entries with another body at a position, and all hashes after it made anew. */
function rewrite(entries: readonly Entry[], at: number): Entry[] {
  return chained(entries, (body, position) => (position === at ? Buffer.from('forged') : body));
}

/** The entries as if another process with another key had written them. */
function resign(
  chain: Chain,
  entries: readonly Entry[],
  key: Parameters<typeof signCheckpoint>[1],
) {
  return chained(entries, (body, position, head) => {
    if (position === 0) return toBinary(ChainSchema, chain);
    if (entries[position]?.header[headerOffsets.kind] !== 4) return body;
    const said = anchorOf(body);
    const timeMs = Number(said.time?.seconds) * 1000 + (said.time?.nanos ?? 0) / 1e6;
    const stated = { chain: chain.id, length: position, head, timeMs };
    return toBinary(
      AnchorHeadRequestSchema,
      create(AnchorHeadRequestSchema, {
        ...{ ...said, head, time: timestampFromMs(timeMs) },
        signature: signCheckpoint(stated, key),
      }),
    );
  });
}

function chained(
  entries: readonly Entry[],
  bodyOf: (body: Uint8Array, position: number, head: Uint8Array) => Uint8Array,
): Entry[] {
  let head: Uint8Array = genesis;
  return entries.map((entry, position) => {
    const body = bodyOf(entry.body, position, head);
    const header = Buffer.from(entry.header);
    header.writeUInt32BE(body.length, headerOffsets.bodyBytes);
    header.set(hashBody(body), headerOffsets.bodyHash);
    header.set(head.subarray(0, 8), headerOffsets.tie);
    head = hashEntry(head, header);
    return create(EntrySchema, { header, body });
  });
}
