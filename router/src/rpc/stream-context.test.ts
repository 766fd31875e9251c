import { create } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService, StreamContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { testContext } from '../../test/context.ts';
import { createEntries, testCaller } from '../../test/entries.ts';
import { openGuarded } from '../../test/guarded.ts';
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

  const context = testContext(RouterService.method.streamContext);
  const refs = ['a', 'b', 'c'].map((key) => ({ type: 'DocChunk', key }));
  const request = create(StreamContextRequestSchema, { fetch: { refs } });
  const stream = streamContext({ ...weir, observe: () => {} })(request, context);
  expect((await stream.next()).value?.result?.outcome.case).toBe('item');
  change(make.removed('key/acme/k1'));
  await expect(stream.next()).rejects.toMatchObject({ reason: Reason.CREDENTIAL_INVALID });
});

test('a rule that comes while an item waits to be read has it made ready anew', async () => {
  const person = { salary: 4200, name: 'x'.repeat(100_000) };
  const masked = { case: 'mask' as const, value: { fields: { pointers: ['/salary'] } } };
  await using docs = await openGuarded(() => content(person), []);
  const attributes = { roles: ['agent'] };
  const caller = testCaller({ attributes });
  const context = testContext(RouterService.method.streamContext, { caller, timeoutMs: 60_000 });
  const refs = ['a', 'b'].map((key) => ({ type: 'DocChunk', key }));
  const request = create(StreamContextRequestSchema, { fetch: { refs } });
  const stream = streamContext({ ...docs.weir, observe: () => {} })(request, context);
  const next = async () => {
    const { value } = await stream.next();
    const outcome = value?.result?.outcome;
    const body = outcome?.case === 'item' ? outcome.value.body : undefined;
    return JSON.parse(body?.case === 'payload' ? Buffer.from(body.value).toString() : '{}').salary;
  };
  expect(await next()).toBe(4200);
  docs.rule(masked);
  expect(await next()).toBe(0);
  expect(docs.results).toEqual(['made']);
});
