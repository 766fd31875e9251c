import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { BlobId, BlobStore } from './blob-store.ts';

/** A store as its suite sees it. */
export interface BlobStoreUnderTest extends AsyncDisposable {
  readonly store: BlobStore;
  /** Makes a link absolute. */
  at(url: string): string;
  /** Resolves when every link made so far has expired. */
  expire(): Promise<void>;
}

const unending = new AbortController().signal;

/** What every blob store must do. */
export function describeBlobStore(
  name: string,
  openStore: () => Promise<BlobStoreUnderTest>,
  skip = false,
): void {
  describe.skipIf(skip)(name, () => {
    test('keeps a value that comes in pieces, and links to it with its type', async () => {
      await using opened = await openStore();
      const { store, at } = opened;
      const bytes = randomBytes(3_000_001);
      const blob = await keep(store, 'acme', bytes, 700_000);
      expect(blob.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      const link = await store.link(blob, 'text/plain; charset=utf-8');
      const response = await fetch(at(link?.url ?? ''));
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    });

    test('reads a value back', async () => {
      await using opened = await openStore();
      const { store } = opened;
      for (const bytes of [randomBytes(3_000_001), randomBytes(0)]) {
        const into = new Uint8Array(bytes.length);
        expect(await store.read(await keep(store, 'acme', bytes), into, unending)).toBe(true);
        expect(bytes.equals(into)).toBe(true);
      }
    });

    test('reads back nothing of another tenant, of another size, or that is not there', async () => {
      await using opened = await openStore();
      const { store } = opened;
      const blob = await keep(store, 'acme', randomBytes(10_000));
      const sha256 = 'a'.repeat(64);
      const read = (which: BlobId) => store.read(which, new Uint8Array(which.sizeBytes), unending);
      expect(await read({ ...blob, tenant: 'acme-2' })).toBe(false);
      expect(await read({ ...blob, sizeBytes: 9_999 })).toBe(false);
      expect(await read({ ...blob, sizeBytes: 10_001 })).toBe(false);
      expect(await read({ ...blob, sha256 })).toBe(false);
      expect(await read(blob)).toBe(true);
    });

    test('stops reading when nobody waits for it', async () => {
      await using opened = await openStore();
      const { store } = opened;
      const blob = await keep(store, 'acme', randomBytes(3_000_000));
      const into = new Uint8Array(blob.sizeBytes);
      const leaving = new AbortController();
      const reading = store.read(blob, into, leaving.signal);
      leaving.abort(new Error('nobody waits'));
      await expect(reading).rejects.toThrow('nobody waits');
    });

    test('answers for a part of a value', async () => {
      await using opened = await openStore();
      const { store, at } = opened;
      const bytes = randomBytes(10_000);
      const link = await store.link(await keep(store, 'acme', bytes), 'application/pdf');
      const headers = { range: 'bytes=100-199' };
      const response = await fetch(at(link?.url ?? ''), { headers });
      expect(response.status).toBe(206);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
    });

    test('shows nothing of a value before it is committed, nor after it is discarded', async () => {
      await using opened = await openStore();
      const { store } = opened;
      const bytes = randomBytes(10_000);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const blob = { tenant: 'acme', sha256, sizeBytes: bytes.length };
      const writer = await store.begin('acme', bytes.length);
      await writer.write(bytes);
      expect(await store.link(blob, 'text/plain')).toBeUndefined();
      await writer.discard();
      await writer.discard();
      expect(await store.link(blob, 'text/plain')).toBeUndefined();
    });

    test('gives no tenant what is of another, nor a value of another size', async () => {
      await using opened = await openStore();
      const { store } = opened;
      const blob = await keep(store, 'acme', randomBytes(10_000));
      expect(await store.link({ ...blob, tenant: 'acme-2' }, 'text/plain')).toBeUndefined();
      expect(await store.link({ ...blob, sizeBytes: 9_999 }, 'text/plain')).toBeUndefined();
      expect(await store.link(blob, 'text/plain')).toBeDefined();
    });

    test('takes the same value again, also at the same time', async () => {
      await using opened = await openStore();
      const { store, at } = opened;
      const bytes = randomBytes(100_000);
      const again = () => keep(store, 'acme', bytes);
      const [first, ...others] = await Promise.all([again(), again(), again(), again()]);
      expect(others.every(({ sha256 }) => sha256 === first?.sha256)).toBe(true);
      const link = await store.link(await again(), 'application/pdf');
      const response = await fetch(at(link?.url ?? ''));
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    });

    test('a link that was altered leads nowhere', async () => {
      await using opened = await openStore();
      const { store, at } = opened;
      const [mine, other] = [randomBytes(10_000), randomBytes(10_000)];
      const blob = await keep(store, 'acme', mine);
      const { sha256 } = await keep(store, 'acme-2', other);
      const url = at((await store.link(blob, 'text/plain'))?.url ?? '');
      const altered = [
        url.replace(blob.sha256, sha256),
        url.replace('/acme/', '/acme-2/'),
        url.replace('/acme/', '/acme-2/').replace(blob.sha256, sha256),
        url.replace('text%2Fplain', 'text%2Fhtml'),
        url.replace(/(expires=)\d+/i, '$19999999999'),
        url.replace(/(signature=)../i, '$1zz'),
        url.replace(/(signature=)[^&]*/i, '$1'),
        url.replace(/\?.*/, ''),
      ];
      expect((await fetch(url)).status).toBe(200);
      for (const one of altered) {
        expect(one).not.toBe(url);
        const response = await fetch(one);
        expect([400, 403], one).toContain(response.status);
      }
    });

    test('a link leads nowhere once it has expired; the next one does again', async () => {
      await using opened = await openStore();
      const { store, at, expire } = opened;
      const blob = await keep(store, 'acme', randomBytes(10_000));
      const first = await store.link(blob, 'text/plain');
      await expire();
      expect((await fetch(at(first?.url ?? ''))).status).toBe(403);
      const second = await store.link(blob, 'text/plain');
      expect((await fetch(at(second?.url ?? ''))).status).toBe(200);
    });

    test('takes many values at once', async () => {
      await using opened = await openStore();
      const { store } = opened;
      const values = Array.from({ length: 20 }, () => randomBytes(200_000));
      const blobs = await Promise.all(values.map((bytes) => keep(store, 'acme', bytes, 50_000)));
      const links = await Promise.all(blobs.map((blob) => store.link(blob, 'text/plain')));
      expect(new Set(links.map((link) => link?.url)).size).toBe(20);
    });
  });
}

/** Puts a value into a store, in pieces. */
export async function keep(
  store: BlobStore,
  tenant: string,
  bytes: Uint8Array,
  pieceBytes = bytes.length,
): Promise<BlobId> {
  const writer = await store.begin(tenant, bytes.length);
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    await writer.write(bytes.subarray(from, from + pieceBytes));
  }
  return { tenant, sha256: await writer.commit(), sizeBytes: bytes.length };
}
