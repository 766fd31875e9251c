import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockDirectory } from './pglite-lock.ts';

test('a directory has one owner, until that one is gone', async () => {
  await using room = await openRoom();
  const first = await lockDirectory(room.db);
  await expect(lockDirectory(room.db)).rejects.toThrow(`in use by process ${process.pid}`);
  await first[Symbol.asyncDispose]();
  await using _ = await lockDirectory(room.db);
});

test('the lock of a process that is provably dead is taken over', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lockDirectory(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  const dead = [
    { ...held, pid },
    { ...held, startTime: '1' },
    { ...held, bootId: 'an earlier one' },
  ];
  for (const owner of dead) {
    await writeFile(room.file, JSON.stringify(owner));
    await using _ = await lockDirectory(room.db);
    expect(JSON.parse(await readFile(room.file, 'utf8'))).toEqual(held);
  }
});

test('the lock of a process in another container is left alone', async () => {
  const { pid } = spawnSync('true');
  await using room = await openRoom();
  const first = await lockDirectory(room.db);
  const held = JSON.parse(await readFile(room.file, 'utf8'));
  await first[Symbol.asyncDispose]();
  await writeFile(room.file, JSON.stringify({ ...held, pid, pidNamespace: 'pid:[1]' }));
  await expect(lockDirectory(room.db)).rejects.toThrow(`delete ${room.file}`);
});

test('a lock that nobody can read is nobody’s to take', async () => {
  await using room = await openRoom();
  await writeFile(room.file, '');
  await expect(lockDirectory(room.db)).rejects.toThrow(`delete ${room.file}`);
});

async function openRoom() {
  const directory = await mkdtemp(join(tmpdir(), 'weir-lock-'));
  return {
    db: join(directory, 'db'),
    file: join(directory, 'db.lock'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
