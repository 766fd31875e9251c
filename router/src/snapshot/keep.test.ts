import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, systemClock } from '@weir/kit';
import { expect, test } from 'vitest';
import { createEntries } from '../../test/entries.ts';
import { loadSnapshot, saveSnapshot } from './disk.ts';
import { createSnapshotHolder } from './holder.ts';
import { openSnapshotKeeper } from './keep.ts';
import { applyEntries, emptySnapshot } from './snapshot.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const HOUR_MS = 3_600_000;

function snapshotAt(revision: bigint) {
  return applyEntries(emptySnapshot, [createEntries().type('DocChunk')], { epoch: 'e', revision });
}

async function openFolder() {
  const path = await mkdtemp(join(tmpdir(), 'weir-snapshot-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function keep(path: string) {
  const holder = createSnapshotHolder(systemClock);
  const keeper = await openSnapshotKeeper({ path, holder, clock: systemClock, log });
  return { holder, keeper };
}

test('the age of a snapshot from disk is known, unless the clock went back since', async () => {
  await using folder = await openFolder();
  const path = join(folder.path, 'snapshot.bin');
  await saveSnapshot(path, snapshotAt(7n));
  const ageAfter = async (aheadMs: number) => {
    const atS = (Date.now() + aheadMs) / 1000;
    await utimes(path, atS, atS);
    const { holder, keeper } = await keep(path);
    await keeper[Symbol.asyncDispose]();
    expect(holder.current.revision).toBe(7n);
    return holder.ageMs();
  };
  expect(await ageAfter(0)).toBeLessThan(HOUR_MS / 10);
  expect(await ageAfter(-HOUR_MS)).toBeGreaterThanOrEqual(HOUR_MS);
  expect(await ageAfter(HOUR_MS)).toBe(Number.POSITIVE_INFINITY);
});

test('a snapshot that could not be written is not said to be confirmed; it is written later', async () => {
  await using folder = await openFolder();
  const path = join(folder.path, 'snapshot.bin');
  await saveSnapshot(path, snapshotAt(7n));
  await utimes(path, 1_000, 1_000);
  const { holder, keeper } = await keep(path);
  await mkdir(`${path}.new`);
  holder.replace(snapshotAt(8n), 0);
  keeper.confirmed(true);
  await keeper.flush();
  keeper.confirmed(false);
  await keeper.flush();
  expect((await loadSnapshot(path))?.confirmedAtMs).toBe(1_000_000);
  await rm(`${path}.new`, { recursive: true });
  await keeper[Symbol.asyncDispose]();
  expect((await loadSnapshot(path))?.snapshot.revision).toBe(8n);
});
