import { createHash } from 'node:crypto';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, expect } from 'vitest';
import { runMainFile } from '../bad-input/surfaces.ts';
import { until } from '../weir.ts';
import { attack, attacks } from './attack.ts';
import { leaks } from './canary.ts';
import { openWorld, type World } from './world.ts';

// The journal of a router in the hands of somebody who may write its files.

let world: World;
let journal: string;
/** What the registry knew of it before it was edited. */
let heads: string;

/** An entry of a segment: its bytes, and where they are; see docs/audit-format.md. */
interface Entry {
  readonly start: number;
  readonly end: number;
  readonly kind: number;
  readonly position: number;
}

const SEGMENT_HEADER_BYTES = 4_096;
const FRAME_BYTES = 8;
const HEADER_BYTES = 64;
const CALL = 2;
const CALLS = 40;

beforeAll(async () => {
  world = await openWorld();
  await world.introduce(world.admin, 'noted');
  for (let i = 0; i < CALLS; i++) await world.admin.fetch([{ type: 'Noted', key: `k${i}` }]);
  heads = join(world.folder, 'heads.bin');
  journal = join(world.folder, 'router/journal');
  const env = { WEIR_URL: world.url, WEIR_KEY: world.adminKey };
  // Heads are told in the background, at least once a second.
  const known = async () => {
    const args = ['audit', 'chains', '--no-entries', '--output', heads];
    const { exitCode } = await runMainFile('cli/src/main.ts', args, { env });
    const [, , signed = '0'] =
      /(\d+) +(\d+) +\d+ +\d+ +whole/.exec((await verify(journal)).out) ?? [];
    return exitCode === 0 && Number(signed) >= CALLS;
  };
  await until(known, 'the registry knows the heads of what was written', 60_000);
  await world.close();
}, 120_000);

afterAll(() => world[Symbol.asyncDispose]());

async function verify(path: string) {
  return runMainFile('cli/src/main.ts', ['audit', 'verify', path, '--chains', heads], {});
}

const segmentsIn = (folder: string) =>
  globSync('*/*.seg', { cwd: folder })
    .sort()
    .map((name) => join(folder, name));

/** The entries of a segment with their frames, one after the other. */
function entriesIn(bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  let start = SEGMENT_HEADER_BYTES;
  while (start + FRAME_BYTES + HEADER_BYTES <= bytes.length) {
    const end = start + FRAME_BYTES + bytes.readUInt32BE(start + 4);
    const header = bytes.subarray(start + FRAME_BYTES);
    const position = Number(header.readBigUInt64BE(8));
    entries.push({ start, end, kind: header[1] ?? 0, position });
    start = end;
  }
  return entries;
}

/** Makes the checksum of a frame fit again, as whoever edits it would. */
function mendFrame(bytes: Buffer, { start }: Entry): Buffer {
  const covered = bytes.subarray(start + 4, start + FRAME_BYTES + HEADER_BYTES);
  bytes.writeUInt32BE(crc32(covered), start);
  return bytes;
}

/** Edits a copy of the journal, and verifies it. */
async function verifyEdited(edit: (bytes: Buffer, calls: readonly Entry[]) => Buffer) {
  const copy = join(world.folder, 'edited');
  rmSync(copy, { recursive: true, force: true });
  cpSync(journal, copy, { recursive: true });
  const path = segmentsIn(copy).find((file) =>
    entriesIn(readFileSync(file)).some(({ kind }) => kind === CALL),
  );
  if (path === undefined) throw new Error('the journal holds calls');
  const bytes = readFileSync(path);
  const calls = entriesIn(bytes).filter(({ kind }) => kind === CALL);
  writeFileSync(path, edit(Buffer.from(bytes), calls));
  return { ...(await verify(copy)), calls };
}

/** The call in the midst of all of them. */
const middle = (calls: readonly Entry[]): Entry => {
  const entry = calls[calls.length >> 1];
  if (!entry) throw new Error('there are calls');
  return entry;
};

attack(
  'edited-audit',
  'a journal that nobody has edited is whole, so that others can be told',
  async () => {
    const { exitCode, out } = await verify(journal);
    expect({ exitCode, out }).toMatchObject({ exitCode: 0 });
  },
);

type Edit = (bytes: Buffer, calls: readonly Entry[]) => Buffer;

const edits: Record<string, Edit> = {
  'a letter of a record changed': (bytes, calls) => {
    const { end } = middle(calls);
    bytes[end - 3] = (bytes[end - 3] ?? 0) ^ 1;
    return bytes;
  },
  'the time of a record changed': (bytes, calls) => {
    const entry = middle(calls);
    const at = entry.start + FRAME_BYTES + 23;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return mendFrame(bytes, entry);
  },
  'a record altered, with the hash of its body': (bytes, calls) => {
    const entry = middle(calls);
    const at = entry.start + FRAME_BYTES;
    const body = bytes.subarray(at + HEADER_BYTES, entry.end);
    body[body.length - 3] = (body[body.length - 3] ?? 0) ^ 1;
    createHash('sha256')
      .update(body)
      .digest()
      .copy(bytes, at + 24);
    return mendFrame(bytes, entry);
  },
  'a record taken out': (bytes, calls) => {
    const { start, end } = middle(calls);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  'a record put in twice': (bytes, calls) => {
    const { start, end } = middle(calls);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  },
  'two records exchanged': (bytes, calls) => {
    const first = middle(calls);
    const second = calls[calls.indexOf(first) + 1];
    if (!second || second.start !== first.end) throw new Error('two stand side by side');
    return Buffer.concat([
      bytes.subarray(0, first.start),
      bytes.subarray(second.start, second.end),
      bytes.subarray(first.start, first.end),
      bytes.subarray(second.end),
    ]);
  },
};

attacks('edited-audit', edits, async (edit) => {
  const { exitCode, out, calls } = await verifyEdited(edit);
  expect(exitCode).not.toBe(0);
  // The first bad entry is named: the one that was edited, or the one after it.
  const { position } = middle(calls);
  expect(out).toMatch(new RegExp(`\\b(${position}|${position + 1})\\b`));
});

attack('edited-audit', 'all that came last cut off', async () => {
  const { exitCode } = await verifyEdited((bytes, calls) => bytes.subarray(0, middle(calls).start));
  expect(exitCode).not.toBe(0);
});

attack('canary-secret', 'what the journal, its heads and its verifier say', async () => {
  expect(leaks(await world.close(), world.secrets)).toEqual([]);
});
