import { create } from '@bufbuild/protobuf';
import { ContentSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { expect, test } from 'vitest';
import type { Offer } from '../snapshot/catalogue.ts';
import { admit } from './entry.ts';

test.each([
  ['was not cleaned', { cleaned: [], notes: [], isUncleaned: true }],
  ['was not checked', { cleaned: [], notes: [], unchecked: 'late' }],
])('a value that %s is kept for a moment, and then fetched whole', (_, findings) => {
  const provider = { name: 'docs', version: '1.0.0' };
  const offer = { provider, typeVersion: '1.0.0', ttlMs: 60_000, staleMs: 60_000 } as Offer;
  const content = create(ContentSchema, { payload: Buffer.from('1'), etag: 'v1' });
  const at = { wallMs: 0, monotonicMs: 0 };
  const unfinished = admit(content, offer, { ...at, findings });
  expect(unfinished).toMatchObject({ ttlMs: 10_000, staleMs: 0, etag: '' });
  const finished = admit(content, offer, { ...at, findings: { cleaned: [], notes: [] } });
  expect(finished).toMatchObject({ ttlMs: 60_000, staleMs: 60_000, etag: 'v1' });
});
