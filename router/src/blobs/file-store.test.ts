import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { describe, expect, test } from 'vitest';
import { HOLD_MS, openBlobServer } from '../../test/blob-server.ts';
import { describeBlobStore, keep } from './conformance.ts';
import { openFileStore } from './file-store.ts';

describeBlobStore('the store in the file system', () => openBlobServer());

const full = expect.objectContaining({ reason: Reason.BLOB_STORE_UNAVAILABLE });

describe('the room of a folder', () => {
  test('what was used longest ago goes first, and nothing whose link still holds', async () => {
    await using weir = await openBlobServer({ maxBytes: 30_000 });
    const { store, clock } = weir;
    const keepOne = () => keep(store, 'acme', randomBytes(10_000));
    const [a, b, c] = [await keepOne(), await keepOne(), await keepOne()];
    await expect(keepOne()).rejects.toEqual(full);
    clock.advance(HOLD_MS + 2_000);
    await store.link(a, 'text/plain');
    const d = await keepOne();
    expect(await store.link(a, 'text/plain')).toBeDefined();
    const left = [await store.link(b, 'text/plain'), await store.link(c, 'text/plain')];
    expect(left.filter(Boolean)).toHaveLength(1);
    expect(await store.link(d, 'text/plain')).toBeDefined();
    await expect(keepOne()).rejects.toEqual(full);
  });

  test('values on their way count, until they are discarded', async () => {
    await using weir = await openBlobServer({ maxBytes: 30_000 });
    const first = await weir.store.begin('acme', 20_000);
    await expect(weir.store.begin('acme', 20_000)).rejects.toEqual(full);
    await first.discard();
    await first.discard();
    const second = await weir.store.begin('acme', 20_000);
    await expect(weir.store.begin('acme', 20_000)).rejects.toEqual(full);
    await second.discard();
  });

  test('what another router wrote to the folder counts too', async () => {
    await using weir = await openBlobServer({ maxBytes: 30_000 });
    const other = await openFileStore(weir.options);
    await keep(other, 'acme', randomBytes(20_000));
    weir.clock.advance(11_000);
    await expect(keep(weir.store, 'acme', randomBytes(20_000))).rejects.toEqual(full);
  });

  test('a value that comes again is kept for the links that it has', async () => {
    await using weir = await openBlobServer();
    const bytes = randomBytes(10);
    const blob = await keep(weir.store, 'acme', bytes);
    const link = await weir.store.link(blob, 'text/plain');
    await keep(weir.store, 'acme', bytes);
    const path = join(weir.options.dir, 'acme', blob.sha256.slice(0, 2), blob.sha256);
    expect((await stat(path)).mtimeMs).toBeGreaterThanOrEqual(link?.expireMs ?? 0);
  });

  test('a file that was cut short is no value any more', async () => {
    await using weir = await openBlobServer();
    const blob = await keep(weir.store, 'acme', randomBytes(10_000));
    await truncate(join(weir.options.dir, 'acme', blob.sha256.slice(0, 2), blob.sha256), 5_000);
    expect(await weir.store.link(blob, 'text/plain')).toBeUndefined();
  });
});

test('partial files of writers that are gone are swept at start, and no others', async () => {
  await using weir = await openBlobServer();
  const partials = join(weir.options.dir, '.partial');
  const writer = await weir.store.begin('acme', 10);
  const [mine = ''] = await weir.files();
  // 2^22 is above the greatest process number of Linux.
  const dead = [`${hostname()},4194304,1,0`, `${hostname()},${process.pid},1,0`];
  for (const name of [...dead, 'other-host,1,1,0']) await writeFile(join(partials, name), 'x');
  await openFileStore(weir.options);
  expect((await weir.files()).sort()).toEqual([mine, 'other-host,1,1,0'].sort());
  weir.clock.advance(11 * 60 * 1000);
  await openFileStore(weir.options);
  expect(await weir.files()).toEqual([mine]);
  await writer.discard();
});

test('of a process that is killed while it writes nothing is left, nor ever seen', async () => {
  await using weir = await openBlobServer();
  const partials = join(weir.options.dir, '.partial');
  const script = `
    const { openPartialFile } = await import(process.argv[1]);
    const file = await openPartialFile(process.argv[2]);
    await file.write(Buffer.alloc(1_000_000));
    console.log('written');
    setInterval(() => {}, 1_000);`;
  const module = join(import.meta.dirname, 'partial-file.ts');
  const args = ['--input-type=module', '-e', script, module, partials];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(await weir.files()).toHaveLength(1);
  await openFileStore(weir.options);
  expect(await weir.files()).toHaveLength(1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await openFileStore(weir.options);
  expect(await weir.files()).toEqual([]);
});

test('files and folders are of nobody else', async () => {
  await using weir = await openBlobServer();
  const { sha256 } = await keep(weir.store, 'acme', randomBytes(10));
  const path = join(weir.options.dir, 'acme', sha256.slice(0, 2));
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect((await stat(join(path, sha256))).mode & 0o777).toBe(0o600);
});

test('what cannot be removed is forgotten all the same', async () => {
  await using weir = await openBlobServer({ maxBytes: 30_000 });
  const writer = await weir.store.begin('acme', 30_000);
  const path = join(weir.options.dir, '.partial', (await weir.files())[0] ?? '');
  await rm(path);
  // A folder in its place stands for a disk that fails: neither is removed as a file.
  await mkdir(path);
  await writer.discard();
  await (await weir.store.begin('acme', 30_000)).discard();
});

test('a folder that cannot be written to is refused without its path', async () => {
  await using weir = await openBlobServer();
  await rm(join(weir.options.dir, '.partial'), { recursive: true });
  const begun = weir.store.begin('acme', 10);
  await expect(begun).rejects.toEqual(full);
  await expect(begun).rejects.not.toThrow(weir.options.dir);
});
