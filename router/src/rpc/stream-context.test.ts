import { create } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { callerKey } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { StreamContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { createEntries, testCaller } from '../../test/entries.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { applyEntries } from '../snapshot/snapshot.ts';
import { streamContext } from './stream-context.ts';

test('a stream whose key is revoked gives no further item', async () => {
  await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
  const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
  const manifest = { name: 'docs', version: '1.0.0', contexts };
  await using weir = openAnswering([{ manifest, urls: [server.url] }]);
  const { holder } = weir;
  const make = createEntries();
  const change = (...entries: Parameters<typeof applyEntries>[1]) =>
    holder.replace(applyEntries(holder.current, entries, holder.current), 0);
  change(make.principal('lin'), make.key('k1', 'lin'));

  const values = createContextValues().set(callerKey, testCaller());
  const { signal } = new AbortController();
  const context = { values, signal, timeoutMs: () => undefined } as unknown as HandlerContext;
  const refs = ['a', 'b', 'c'].map((key) => ({ type: 'DocChunk', key }));
  const request = create(StreamContextRequestSchema, { fetch: { refs } });
  const stream = streamContext({ ...weir, observe: () => {} })(request, context);
  expect((await stream.next()).value?.result?.outcome.case).toBe('item');
  change(make.removed('key/acme/k1'));
  await expect(stream.next()).rejects.toMatchObject({ reason: Reason.CREDENTIAL_INVALID });
});
