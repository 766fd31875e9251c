import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEntries } from '../../test/entries.ts';
import { loadSnapshot, saveSnapshot } from './disk.ts';
import { applyEntries, emptySnapshot } from './snapshot.ts';

const seed = Number(process.env.WEIR_TEST_SEED || Date.now() % 2 ** 31);
const REVISION = 7n;

let folder: string;
let good: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-snapshot-'));
  const path = join(folder, 'good.bin');
  const entries = [createEntries().type('DocChunk')];
  await saveSnapshot(
    path,
    applyEntries(emptySnapshot, entries, { epoch: 'e', revision: REVISION }),
  );
  good = await readFile(path);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test(`a snapshot on disk is whole, or as if there were none (WEIR_TEST_SEED=${seed})`, async () => {
  const edit = fc.record({
    at: fc.nat(),
    cut: fc.nat({ max: 200 }),
    put: fc.uint8Array({ maxLength: 40 }),
  });
  const path = join(folder, 'changed.bin');
  await fc.assert(
    fc.asyncProperty(edit, async ({ at, cut, put }) => {
      const start = at % (good.length + 1);
      const changed = Buffer.concat([good.subarray(0, start), put, good.subarray(start + cut)]);
      await writeFile(path, changed);
      const loaded = await loadSnapshot(path);
      expect(loaded?.snapshot.revision).toBe(changed.equals(good) ? REVISION : undefined);
    }),
    { seed, numRuns: 300 },
  );
});
