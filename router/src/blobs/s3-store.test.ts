import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, systemClock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { describe, expect, test } from 'vitest';
import {
  s3Credentials as credentials,
  makeBucket,
  s3KeyFile,
  s3Url as url,
} from '../../test/s3.ts';
import { describeBlobStore, keep } from './conformance.ts';
import { parseS3Credentials } from './s3-client.ts';
import { openS3Store, type S3StoreOptions } from './s3-store.ts';

const absent = url === '' || s3KeyFile === '';

const HOLD_MS = 2_000;
const log = createLogger({ name: 'test', level: 'silent' });

/** Makes the bucket, and a folder of its own for each store. */
async function openTestStore(more: Partial<S3StoreOptions> = {}) {
  const key = await credentials();
  await makeBucket();
  const bucket = new URL(url);
  bucket.pathname += `/${randomUUID()}`;
  const spoolDir = await mkdtemp(join(tmpdir(), 'weir-spool-'));
  const options = {
    ...{ url: bucket.href, credentials: key, spoolDir, spoolMaxBytes: 50_000_000 },
    ...{ holdMs: HOLD_MS, clock: systemClock, log, ...more },
  };
  return {
    store: await openS3Store(options),
    options,
    at: (link: string) => link,
    // The server's clock is the real one.
    expire: () => new Promise<void>((resolve) => setTimeout(resolve, HOLD_MS + 1_500)),
    [Symbol.asyncDispose]: () => rm(spoolDir, { recursive: true }),
  };
}

describeBlobStore('the store in S3', () => openTestStore(), absent);

const refused = (text: RegExp) =>
  expect.objectContaining({
    reason: Reason.BLOB_STORE_UNAVAILABLE,
    message: expect.stringMatching(text),
  });

describe.skipIf(absent)('a store in S3 refuses clearly, and leaves nothing behind,', () => {
  test.each([
    ['a wrong secret', { secretAccessKey: 'wrong' }, {}, /does not accept the key/],
    ['an unknown key', { accessKeyId: 'nobody:at-all' }, {}, /does not accept the key/],
    ['a missing bucket', {}, { pathname: '/no-such-bucket' }, /bucket .* does not exist/],
    ['a server that is not there', {}, { host: '127.0.0.1:1' }, /cannot be reached/],
  ])('%s', async (_, wrongKey, wrongUrl, text) => {
    const bucket = new URL(url);
    Object.assign(bucket, wrongUrl);
    const key = { ...(await credentials()), ...wrongKey };
    await using weir = await openTestStore({ url: bucket.href, credentials: key });
    const kept = keep(weir.store, 'acme', randomBytes(10_000));
    await expect(kept).rejects.toEqual(refused(text));
    await expect(kept).rejects.not.toThrow(bucket.host);
    expect(await readdir(weir.options.spoolDir)).toEqual([]);
    const blob = { tenant: 'acme', sha256: 'a'.repeat(64), sizeBytes: 10 };
    const link = weir.store.link(blob, 'text/plain');
    if (bucket.pathname === '/no-such-bucket') expect(await link).toBeUndefined();
    else await expect(link).rejects.toEqual(refused(text));
  });

  test('more on its way than may lie there', async () => {
    await using weir = await openTestStore({ spoolMaxBytes: 15_000 });
    const writer = await weir.store.begin('acme', 10_000);
    await expect(weir.store.begin('acme', 10_000)).rejects.toEqual(refused(/on their way/));
    await writer.discard();
    await keep(weir.store, 'acme', randomBytes(10_000));
  });
});

test('a server that never answers is given up, while others are written to', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const spoolDir = await mkdtemp(join(tmpdir(), 'weir-spool-'));
  const key = { accessKeyId: 'a', secretAccessKey: 'b' };
  const store = await openS3Store({
    ...{ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/bucket` },
    ...{ credentials: key, spoolDir, spoolMaxBytes: 50_000, holdMs: HOLD_MS },
    ...{ clock: systemClock, log, answerMs: 200 },
  });
  const stuck = keep(store, 'acme', randomBytes(10_000));
  // Taking bytes never waits for the server.
  const other = await store.begin('acme', 10_000);
  await other.write(randomBytes(10_000));
  await other.discard();
  await expect(stuck).rejects.toEqual(refused(/did not answer in time/));
  silent.close();
  await rm(spoolDir, { recursive: true });
});

test.each(['', 'one line', 'a\nb\nc'])('a key file that holds %j is refused', (text) => {
  expect(() => parseS3Credentials('WEIR_BLOB_S3_KEY_FILE', text)).toThrow(
    'WEIR_BLOB_S3_KEY_FILE names a file that holds no key of S3; write the access key on its first line and the secret on its second',
  );
});
