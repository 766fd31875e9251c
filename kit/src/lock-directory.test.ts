import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { lockDirectory } from './lock-directory.ts';

test('a directory has one owner, until that one is gone', async () => {
  await using room = await openRoom();
  const first = await lock(room.db);
  await expect(lock(room.db)).rejects.toThrow(`in use by process ${process.pid}`);
  await first[Symbol.asyncDispose]();
  await using _ = await lock(room.db);
});

test('the lock of a process that is provably dead is taken over', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lock(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  const dead = [
    { ...held, pid },
    { ...held, startTime: '1' },
    { ...held, bootId: 'an earlier one' },
  ];
  for (const owner of dead) {
    await writeFile(room.file, JSON.stringify(owner));
    await using _ = await lock(room.db);
    expect(JSON.parse(await readFile(room.file, 'utf8'))).toEqual(held);
  }
});

test('the lock of a process in another container is left alone', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lock(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  await writeFile(room.file, JSON.stringify({ ...held, pid, pidNamespace: 'pid:[1]' }));
  await expect(lock(room.db)).rejects.toThrow(`delete ${room.file}`);
});

test('a lock that nobody can read is nobody’s to take', async () => {
  await using room = await openRoom();
  await writeFile(room.file, 'noise');
  await age(room.file);
  await expect(lock(room.db)).rejects.toThrow(`delete ${room.file}`);
});

test('a lock of a process that died before it told who it is can be taken, after a while', async () => {
  await using room = await openRoom();
  await writeFile(room.file, '');
  await expect(lock(room.db)).rejects.toMatchObject({ mayBeGone: true });
  await age(room.file);
  await using _ = await lock(room.db);
  await expect(lock(room.db)).rejects.toThrow(`in use by process ${process.pid}`);
});

test('who dies while it takes over a lock keeps nobody from it', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lock(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  const dead = JSON.stringify({ ...held, pid });
  const left = [room.file, `${room.file}.reaping`, `${room.file}.reaping.reaping`];
  for (const file of left) await writeFile(file, dead);
  await using _ = await lock(room.db);
  expect(await readdir(dirname(room.db))).toEqual([basename(room.file)]);
});

test('of many that take over at once, one gets it', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lock(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  for (let round = 0; round < 20; round += 1) {
    await writeFile(room.file, JSON.stringify({ ...held, pid }));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lock(room.db)));
    const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(won.length).toBeLessThanOrEqual(1);
    for (const one of won) await one[Symbol.asyncDispose]();
  }
});

test('a process that is killed while it locks and unlocks leaves no lock that stays', async () => {
  await using room = await openRoom();
  const main = new URL('./lock-directory.ts', import.meta.url).href;
  const code = `const { lockDirectory } = await import(${JSON.stringify(main)});
    console.log('begun');
    for (;;) await (await lockDirectory(${JSON.stringify(room.db)}, { what: 'x' }))[Symbol.asyncDispose]();`;
  for (let round = 0; round < 12; round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    await once(child.stdout, 'data');
    const gone = once(child, 'exit');
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 20);
    await gone;
    await using _ = await lock(room.db);
  }
});

test('in another container, a lock that is renewed is left alone, and one that is not is taken', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lock(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  await writeFile(room.file, JSON.stringify({ ...held, pid, pidNamespace: 'pid:[1]' }));
  const options = { what: 'journal', staleMs: 60_000 };
  await expect(lockDirectory(room.db, options)).rejects.toThrow('in use by process');
  await age(room.file);
  await using _ = await lockDirectory(room.db, options);
});

test('an owner whose lock was taken is told, and leaves it to the other', async () => {
  await using room = await openRoom();
  const lost = Promise.withResolvers<void>();
  const first = await lockDirectory(room.db, { what: 'x', staleMs: 8, onLost: lost.resolve });
  await writeFile(room.file, 'another');
  await lost.promise;
  await first[Symbol.asyncDispose]();
  expect(await readFile(room.file, 'utf8')).toBe('another');
});

const lock = (directory: string) => lockDirectory(directory, { what: 'database' });

async function age(file: string): Promise<void> {
  const longAgo = new Date(Date.now() - 61_000);
  await utimes(file, longAgo, longAgo);
}

async function openRoom() {
  const directory = await mkdtemp(join(tmpdir(), 'weir-lock-'));
  return {
    db: join(directory, 'db'),
    file: join(directory, 'db.lock'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
