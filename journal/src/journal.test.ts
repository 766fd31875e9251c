import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLogger, reasonOf, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { describe, expect, test } from 'vitest';
import { SEGMENT_START_BYTES } from './format/segment.ts';
import type { Journal } from './journal.ts';
import { type OldChain, recoverChains } from './recovery/recover.ts';
import type { ShippedChain } from './ship/chain-shipper.ts';
import { startShipper } from './ship/shipper.ts';
import { createTestIntake, type TestIntake, textsOf } from './test-intake.ts';
import { append, openPlace, texts, until } from './test-journal.ts';
import { createChainChecker } from './verify/chain-checker.ts';
import { readDirectory } from './verify/directory.ts';
import { verifyJournal } from './verify/verify.ts';
import { createTestFiles } from './writer/test-files.ts';

const run = promisify(execFile);

const log = createLogger({ name: 'test', level: 'silent' });

/** Small, so that there are several. */
const segmentMaxBytes = SEGMENT_START_BYTES + 2_000;

describe('records', () => {
  test('of one turn are written by one write, at its end', async () => {
    await using place = await openPlace();
    let writes = 0;
    const observe = { wrote: () => (writes += 1), synced: () => {}, failed: () => {} };
    await using journal = await place.open({ observe });
    const before = writes;
    for (const text of texts('record', 100)) journal.append('call', 1, Buffer.from(text));
    expect(writes).toBe(before);
    await journal.written();
    expect(writes).toBe(before + 1);
    expect(journal.written()).toBeUndefined();
    expect(journal.stats.entries).toBe(101);
  });

  test('lie in chains that are linked, in segments that are bounded', async () => {
    await using place = await openPlace();
    for (const name of ['a', 'b', 'c']) {
      await using journal = await place.open({ segmentMaxBytes });
      for (const text of texts(name, 60)) await append(journal, text);
    }
    const { faults, chains } = await verifyJournal({ directory: place.directory });
    expect(faults).toEqual([]);
    expect(chains.map(({ chain }) => chain?.previousId)).toEqual([
      '',
      chains[0]?.id,
      chains[1]?.id,
    ]);
    for (const { id } of chains) {
      expect((await readdir(join(place.directory, id))).length).toBeGreaterThan(2);
    }
  });

  test('have a checkpoint soon after them, and one at the end', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    const journal = await place.open({ intake });
    await append(journal, 'a');
    const held = () => intake.chains.get(journal.chain.id);
    await until(() => (held()?.anchors.length ?? 0) > 0);
    await append(journal, 'b');
    await journal[Symbol.asyncDispose]();
    expect(held()?.checker.checkpointed).toBe(Number(held()?.anchors.at(-1)?.length));
    expect(held()?.checker.length).toBe((held()?.checker.checkpointed ?? 0) + 1);
  });

  test('count in the durable mode when they lie on the disk', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    await using journal = await place.open({ files, durable: true });
    const before = files.syncs;
    const gate = Promise.withResolvers<void>();
    files.gate = gate.promise;
    const turns = texts('r', 3).map(async (text) => {
      journal.append('call', 1, Buffer.from(text));
      await journal.written();
    });
    let isDone = false;
    const done = Promise.all(turns).then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    files.gate = undefined;
    gate.resolve();
    await done;
    expect(files.syncs).toBe(before + 1);
  });
});

describe('a disk that is full', () => {
  test('refuses what was not written, and goes on without a gap once there is room', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    const journal = await place.open({ files });
    await append(journal, ...texts('kept', 5));
    files.room = 100;
    journal.append('call', 1, Buffer.alloc(500, 'x'));
    const refused = await reasonFrom(journal.written());
    expect(refused).toBe(Reason.JOURNAL_UNAVAILABLE);
    expect(reasonOf(journal.refusal())).toBe(Reason.JOURNAL_UNAVAILABLE);
    expect(journal.notReady()).toContain('failed');
    expect(() => journal.append('call', 1, Buffer.from('x'))).toThrow('cannot be written');
    files.room = Number.POSITIVE_INFINITY;
    await until(() => journal.refusal() === undefined);
    await append(journal, ...texts('later', 5));
    await journal[Symbol.asyncDispose]();
    const { faults, chains } = await verifyJournal({ directory: place.directory });
    expect(faults).toEqual([]);
    expect(await recordsIn(place.directory)).toEqual([...texts('kept', 5), ...texts('later', 5)]);
    expect(chains[0]?.notes).toEqual([]);
  });

  test('in the middle of a segment’s first bytes is no harm either', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    const journal = await place.open({ files, segmentMaxBytes });
    let kept = 0;
    for (const text of texts('r', 200)) {
      files.room = 700 + (kept % 13) * 397;
      if (journal.refusal()) await until(() => journal.refusal() === undefined);
      journal.append('call', 1, Buffer.from(text.padEnd(90)));
      const reason = await reasonFrom(journal.written());
      if (reason === undefined) kept += 1;
      else files.room = Number.POSITIVE_INFINITY;
      if (kept > 60) break;
    }
    files.room = Number.POSITIVE_INFINITY;
    await until(() => journal.refusal() === undefined);
    await journal[Symbol.asyncDispose]();
    expect((await verifyJournal({ directory: place.directory })).faults).toEqual([]);
    expect(await recordsIn(place.directory)).toHaveLength(kept);
  });

  test('a real one, as small as the system lets a test make it', async (context) => {
    await using disk = await openSmallDisk(3 * 1024 * 1024);
    if (disk === undefined) return context.skip('no file system may be mounted here');
    await using place = await openPlace(disk.path);
    const journal = await place.open({ segmentMaxBytes: 256 * 1024 });
    const other = join(disk.path, 'other');
    await writeFile(other, Buffer.alloc(1024 * 1024));
    expect(journal.notReady()).toBeUndefined();
    let answered = 0;
    for (;;) {
      journal.append('call', 1, Buffer.alloc(3_000, 'r'));
      const reason = await reasonFrom(journal.written());
      if (reason !== undefined) {
        expect(reason).toBe(Reason.JOURNAL_UNAVAILABLE);
        break;
      }
      answered += 1;
    }
    await rm(other);
    await until(() => journal.refusal() === undefined);
    await append(journal, 'at last');
    await journal[Symbol.asyncDispose]();
    expect((await verifyJournal({ directory: place.directory })).faults).toEqual([]);
    expect(await recordsIn(place.directory)).toHaveLength(answered + 1);
  });

  test('of its own budget: refuses, until the registry has taken over what is there', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    intake.isAway = true;
    const maxBytes = 5 * segmentMaxBytes;
    await using journal = await place.open({ intake, maxBytes, segmentMaxBytes });
    for (const text of texts('r', 1_000)) {
      if (journal.refusal()) break;
      journal.append('call', 1, Buffer.from(text.padEnd(100)));
      await reasonFrom(journal.written());
    }
    expect(reasonOf(journal.refusal())).toBe(Reason.JOURNAL_UNAVAILABLE);
    expect(journal.stats.usedBytes).toBeLessThan(maxBytes + segmentMaxBytes);
    intake.isAway = false;
    await until(() => journal.refusal() === undefined);
    await append(journal, 'at last');
    expect(journal.stats.usedBytes).toBeLessThan(maxBytes);
  });

  test('is told of before: readiness drops at nine tenths', async () => {
    await using place = await openPlace();
    await using journal = await place.open({ maxBytes: 60_000 });
    while (journal.stats.usedBytes < 54_000) {
      expect(journal.notReady()).toBeUndefined();
      await append(journal, 'x'.repeat(500));
    }
    expect(journal.notReady()).toContain('of the 60000 bytes');
    expect(journal.refusal()).toBeUndefined();
  });
});

describe('a disk that hangs', () => {
  test('is not waited for: calls are refused, and taken in again when it is back', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    const journal = await place.open({ files, durable: true });
    const gate = Promise.withResolvers<void>();
    files.gate = gate.promise;
    journal.append('call', 1, Buffer.from('a'));
    expect(await reasonFrom(journal.written())).toBe(Reason.JOURNAL_UNAVAILABLE);
    expect(reasonOf(journal.refusal())).toBe(Reason.JOURNAL_UNAVAILABLE);
    files.gate = undefined;
    gate.resolve();
    await until(() => journal.refusal() === undefined);
    await append(journal, 'b');
    await journal[Symbol.asyncDispose]();
    expect((await verifyJournal({ directory: place.directory })).faults).toEqual([]);
    // It was written after all; nobody was answered on it.
    expect(await recordsIn(place.directory)).toEqual(['a', 'b']);
  });

  test('or is only slow holds the loop up once: it is written to in the background then', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    const journal = await place.open({ files });
    files.slowMs = 20;
    await append(journal, 'a');
    expect(files.writesAside).toBe(0);
    for (const text of texts('b', 5)) await append(journal, text);
    expect(files.writesAside).toBe(5);
    const gate = Promise.withResolvers<void>();
    files.gate = gate.promise;
    journal.append('call', 1, Buffer.from('c'));
    expect(await reasonFrom(journal.written())).toBe(Reason.JOURNAL_UNAVAILABLE);
    files.gate = undefined;
    gate.resolve();
    await until(() => journal.refusal() === undefined);
    await journal[Symbol.asyncDispose]();
    expect((await verifyJournal({ directory: place.directory })).faults).toEqual([]);
    expect(await recordsIn(place.directory)).toEqual(['a', ...texts('b', 5), 'c']);
  });

  test('and then fails takes back what it was given', async () => {
    await using place = await openPlace();
    const files = createTestFiles();
    const journal = await place.open({ files, durable: true });
    await append(journal, 'a');
    files.syncFault = new Error('input/output error');
    journal.append('call', 1, Buffer.from('lost'));
    expect(await reasonFrom(journal.written())).toBe(Reason.JOURNAL_UNAVAILABLE);
    const { generation } = journal;
    files.syncFault = undefined;
    await until(() => journal.refusal() === undefined);
    expect(generation).toBeGreaterThan(0);
    await append(journal, 'b');
    await journal[Symbol.asyncDispose]();
    expect((await verifyJournal({ directory: place.directory })).faults).toEqual([]);
    expect(await recordsIn(place.directory)).toEqual(['a', 'b']);
  });
});

describe('after the process was killed', () => {
  test('an entry that was not written to its end is cut off, whatever is left of it', async () => {
    await using place = await openPlace();
    const file = await killedSegment(place);
    const whole = await readFile(file);
    for (let lost = 1; lost < 75; lost += 12) {
      await writeFile(file, whole.subarray(0, whole.length - lost));
      await using copy = await openPlace();
      await copyInto(place.directory, copy.directory);
      const journal = await copy.open();
      expect(Number(journal.chain.previousLength)).toBe(3);
      await journal[Symbol.asyncDispose]();
      const { faults, chains } = await verifyJournal({ directory: copy.directory });
      expect(faults).toEqual([]);
      expect(chains.flatMap(({ notes }) => notes)).toEqual([]);
      expect(await recordsIn(copy.directory)).toEqual(['a-0', 'a-1']);
    }
  });

  test('what is damaged is set aside whole, and the chain goes on from what is right', async () => {
    await using place = await openPlace();
    const file = await killedSegment(place);
    const whole = await readFile(file);
    const damaged = Buffer.from(whole);
    damaged[whole.length - 85] = (damaged[whole.length - 85] ?? 0) ^ 1;
    await writeFile(file, damaged);
    const journal = await place.open();
    expect(journal.stats.damaged).toBe(1);
    await journal[Symbol.asyncDispose]();
    expect((await readFile(`${file}.damaged`)).equals(damaged)).toBe(true);
    const { faults, chains } = await verifyJournal({ directory: place.directory });
    expect(faults).toEqual([]);
    expect(chains[0]?.notes).toEqual([expect.stringContaining('.damaged')]);
  });

  test('before it wrote anything, nothing is left of its chain', async () => {
    await using place = await openPlace();
    const file = await killedSegment(place);
    await truncate(file, 100);
    await using journal = await place.open();
    expect(journal.chain.previousId).toBe('');
    expect(await readdir(place.directory)).toEqual([journal.chain.id]);
  });

  test('only one process may have a journal at a time', async () => {
    await using place = await openPlace();
    await using _ = await place.open();
    await expect(place.open()).rejects.toThrow('in use by process');
  });

  /** A segment as kill -9 leaves it: a link, three records, no checkpoint at the end. */
  const killedSegment = async (place: Awaited<ReturnType<typeof openPlace>>) => {
    const journal = await place.open();
    await append(journal, ...texts('a', 3));
    const { id } = journal.chain;
    const file = join(place.directory, id, `${'0'.repeat(16)}.seg`);
    const { length } = await readFile(file);
    await journal[Symbol.asyncDispose]();
    await truncate(file, length);
    return file;
  };
});

describe('shipping', () => {
  test('brings every record to the registry once, in order, over restarts', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    const own: string[] = [];
    for (const name of ['a', 'b']) {
      const journal = await place.open({ intake, segmentMaxBytes, keepMs: 3_600_000 });
      for (const text of texts(name, 100)) await append(journal, text);
      own.push(journal.chain.id);
      await journal[Symbol.asyncDispose]();
    }
    for (const [index, name] of ['a', 'b'].entries()) {
      const held = intake.chains.get(own[index] ?? '');
      expect(held && textsOf(held)).toEqual(texts(name, 100));
    }
  });

  test('a registry that was away gets all that was kept, also of earlier starts', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    intake.isAway = true;
    const first = await place.open({ segmentMaxBytes });
    for (const text of texts('a', 100)) await append(first, text);
    await first[Symbol.asyncDispose]();
    const second = await place.open({ intake, segmentMaxBytes, keepMs: 3_600_000 });
    for (const text of texts('b', 100)) await append(second, text);
    expect(second.stats).toMatchObject({ unshippedChains: 1 });
    expect(second.stats.unshipped).toBeGreaterThan(100);
    intake.isAway = false;
    await until(() => second.stats.unshipped === 0 && second.stats.unshippedChains === 0);
    await second[Symbol.asyncDispose]();
    expect([...intake.chains.values()].map(textsOf).sort()).toEqual([
      texts('a', 100),
      texts('b', 100),
    ]);
  });

  test('a registry that lost what it had is given it again', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    await using journal = await place.open({ intake, keepMs: 3_600_000 });
    await append(journal, ...texts('a', 10));
    await until(() => journal.stats.unshipped === 0);
    const held = intake.chains.get(journal.chain.id);
    if (!held) throw new Error('it was shipped');
    held.entries.length = 0;
    const lost = held.checker;
    Object.assign(held, { checker: freshChecker(held) });
    await append(journal, ...texts('b', 10));
    await until(() => journal.stats.unshipped === 0);
    expect(textsOf(held)).toEqual([...texts('a', 10), ...texts('b', 10)]);
    expect(lost.length).toBeGreaterThan(0);
  });

  test('segments are deleted when the registry has them and their time is over, oldest first', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    await using journal = await place.open({ intake, segmentMaxBytes, keepMs: 0 });
    for (const text of texts('a', 200)) await append(journal, text);
    const folder = join(place.directory, journal.chain.id);
    await until(() => journal.stats.unshipped === 0);
    await until(() => journal.stats.usedBytes < 2 * segmentMaxBytes);
    expect((await readdir(folder)).length).toBeLessThan(3);
    const options = { pruned: true, anchors: intake.chains.get(journal.chain.id)?.anchors ?? [] };
    expect((await verifyJournal({ directory: place.directory }, options)).faults).toEqual([]);
  });

  test('a damaged chain of an earlier start holds up nobody', async () => {
    await using place = await openPlace();
    const first = await place.open({ segmentMaxBytes });
    for (const text of texts('a', 60)) await append(first, text);
    await first[Symbol.asyncDispose]();
    const folder = join(place.directory, first.chain.id);
    const [segment = ''] = (await readdir(folder)).sort();
    const bytes = await readFile(join(folder, segment));
    bytes[bytes.length - 500] = (bytes[bytes.length - 500] ?? 0) ^ 1;
    await writeFile(join(folder, segment), bytes);
    const intake = createTestIntake();
    await using second = await place.open({ intake });
    await append(second, 'b');
    await until(() => second.stats.unshipped === 0);
    expect(await readdir(folder)).toContain(segment);
  });

  test('says what is gone when a registry has lost it, and goes on with the rest', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    await using journal = await place.open({ intake, segmentMaxBytes, keepMs: 0 });
    for (const text of texts('a', 200)) await append(journal, text);
    const { id } = journal.chain;
    const first = () =>
      readdir(join(place.directory, id)).then((names) =>
        Number.parseInt(names.sort()[0] ?? '', 10),
      );
    while ((await first()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const held = intake.chains.get(id);
    if (!held) throw new Error('it was shipped');
    Object.assign(held, { checker: freshChecker(held), entries: [] });
    await append(journal, 'b');
    await until(() => held.entries.length > 0 && journal.stats.unshipped === 0);
    expect(held.lost).toEqual([`0 to ${(await first()) - 1}`]);
    expect(textsOf(held).at(-1)).toBe('b');
  });

  test('asks now and then what the registry holds, though nothing is new', async () => {
    await using place = await openPlace();
    await (await place.open())[Symbol.asyncDispose]();
    const intake = createTestIntake();
    const { chains } = await recoverChains(place.directory, log);
    const [old] = chains.map((one) => shippedOf(one));
    if (!old) throw new Error('there is a chain');
    const end = old.segments()[0]?.end;
    const current = { ...old, chain: { ...old.chain, id: 'f'.repeat(32) }, segments: () => [] };
    const shipper = startShipper({
      intake,
      old: [old],
      current,
      log,
      recheckMs: 5,
    });
    await until(() => intake.chains.get(old.chain.id)?.checker.length === end);
    const held = intake.chains.get(old.chain.id);
    if (!held) throw new Error('it was shipped');
    Object.assign(held, { checker: freshChecker(held), entries: [] });
    await until(() => held.checker.length === end);
    await shipper.stop();
  });

  const shippedOf = ({ chain, segments }: OldChain): ShippedChain => ({
    ...{ chain, segments: () => segments, end: () => segments.at(-1)?.end ?? 0 },
    ...{ confirmed: () => {}, forget: () => {}, setAside: async () => {} },
    previousGone: async () => false,
  });
  const freshChecker = ({ chain }: { chain: { id: string; publicKey: Uint8Array } }) =>
    createChainChecker({ chain: chain.id, publicKey: chain.publicKey });
});

describe('a chain that the registry refuses', () => {
  test('is set aside with a word to people, and holds up nobody', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    const first = await place.open({ intake });
    await append(first, ...texts('a', 5));
    await until(() => first.stats.unshipped === 0);
    expect(first.warning()).toBeUndefined();
    intake.refused.add(first.chain.id);
    await append(first, 'b');
    await until(() => first.stats.asideChains === 1);
    expect(first.warning()).toContain('cannot be shipped: 1');
    await append(first, 'c');
    expect(first.refusal()).toBeUndefined();
    expect(first.notReady()).toBeUndefined();
    await first[Symbol.asyncDispose]();
    const folder = join(place.directory, first.chain.id);
    expect(await readFile(join(folder, 'set-aside'), 'utf8')).toContain('another entry is held');

    const second = await place.open({ intake });
    await append(second, 'd');
    await until(() => second.stats.unshipped === 0);
    expect(second.stats).toMatchObject({ asideChains: 1, unshippedChains: 1 });
    expect(textsOf(heldOf(intake, second))).toEqual(['d']);
    await second[Symbol.asyncDispose]();
    const left = await recordsIn(place.directory);
    expect(left.sort()).toEqual([...texts('a', 5), 'b', 'c', 'd']);

    // Somebody found out why, and put the database right.
    intake.refused.clear();
    await using third = await place.open({ intake, keepMs: 3_600_000 });
    await until(() => third.stats.unshippedChains === 0);
    expect(textsOf(heldOf(intake, first))).toEqual([...texts('a', 5), 'b', 'c']);
    expect(third.warning()).toBeUndefined();
    await until(() => !existsSync(join(folder, 'set-aside')));
  });

  test('takes nothing of what the others may take of the disk, and no more than that', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    const maxBytes = 1024 * 1024;
    const fill = async (journal: Journal) => {
      while (journal.refusal() === undefined) {
        journal.append('call', 1, Buffer.alloc(10_000, 'r'));
        await reasonFrom(journal.written());
      }
    };
    const options = { intake, maxBytes, segmentMaxBytes: maxBytes / 8 };
    const lives: { chains: number; aside: number; isFull: boolean }[] = [];
    for (let life = 0; life < 3; life += 1) {
      const journal = await place.open(options);
      intake.refused.add(journal.chain.id);
      await append(journal, 'x').catch(() => {});
      await until(() => journal.stats.asideChains === life + 1);
      const isFull = journal.refusal() !== undefined;
      const { asideBytes } = journal.stats;
      lives.push({ chains: life, aside: Math.floor(asideBytes / maxBytes), isFull });
      await fill(journal);
      await journal[Symbol.asyncDispose]();
    }
    expect(lives).toEqual([
      { chains: 0, aside: 0, isFull: false },
      { chains: 1, aside: 1, isFull: false },
      { chains: 2, aside: 2, isFull: true },
    ]);
  });

  test('whose heads alone are refused is shipped nevertheless', async () => {
    await using place = await openPlace();
    const intake = createTestIntake();
    const refusing = {
      ...intake,
      async anchorHead() {
        throw refuse(Reason.ALREADY_EXISTS, 'another head is held');
      },
    };
    const journal = await place.open({ intake: refusing });
    await append(journal, 'a');
    await until(() => journal.stats.unshipped === 0);
    await journal[Symbol.asyncDispose]();
    expect(textsOf(heldOf(intake, journal))).toEqual(['a']);
    expect(journal.stats.asideChains).toBe(0);
  });

  test('or that is damaged is set aside as well', async () => {
    await using place = await openPlace();
    const first = await place.open({ segmentMaxBytes });
    for (const text of texts('a', 60)) await append(first, text);
    await first[Symbol.asyncDispose]();
    const folder = join(place.directory, first.chain.id);
    const [segment = ''] = (await readdir(folder)).sort();
    const bytes = await readFile(join(folder, segment));
    bytes[bytes.length - 500] = (bytes[bytes.length - 500] ?? 0) ^ 1;
    await writeFile(join(folder, segment), bytes);
    await using second = await place.open({ intake: createTestIntake() });
    await until(() => second.stats.asideBytes > segmentMaxBytes);
    expect(second.stats.asideChains).toBe(1);
    expect(await readFile(join(folder, 'set-aside'), 'utf8')).toContain('is damaged at');
  });

  const heldOf = (intake: TestIntake, { chain }: Journal) => {
    const held = intake.chains.get(chain.id);
    if (!held) throw new Error('it was never opened');
    return held;
  };
});

async function reasonFrom(written: Promise<void> | undefined): Promise<Reason | undefined> {
  try {
    await written;
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The records that lie in a journal, oldest first, without what they were padded with. */
async function recordsIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { parts } of readDirectory(directory)) {
    for await (const part of parts) {
      if (part.kind === 'entry' && part.header[1] === 2) {
        found.push(Buffer.from(part.body).toString().trim());
      }
    }
  }
  return found;
}

async function copyInto(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
}

/** A file system in memory of a size; undefined where none may be mounted. */
async function openSmallDisk(bytes: number) {
  const path = await mkdtemp(join(tmpdir(), 'weir-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path]);
      await rm(path, { recursive: true });
    },
  };
}
