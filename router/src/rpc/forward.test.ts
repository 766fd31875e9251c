import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { createAssertions, reasonOf } from '@weir/kit';
import { AuditService, ExportRecordsRequestSchema } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  ListProvidersRequestSchema,
  RegistryService,
} from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { SnapshotEntry } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { testContext } from '../../test/context.ts';
import { createEntries } from '../../test/entries.ts';
import { applyEntries } from '../snapshot/snapshot.ts';
import { forward } from './forward.ts';

async function failureAt(baseUrl: string): Promise<unknown> {
  await using weir = openAnswering([]);
  const transport = createGrpcTransport({ baseUrl });
  const assertions = createAssertions(new Uint8Array(32).fill(7));
  const { listProviders } = forward(RegistryService, { ...weir, transport, assertions });
  const context = testContext(RegistryService.method.listProviders, { timeoutMs: 2_000 });
  const call = listProviders?.(create(ListProvidersRequestSchema), context);
  return Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('whatever is in the way to the registry is told in the same words, without its address', async () => {
  const breaking = createServer();
  breaking.on('stream', (stream) => stream.session?.destroy());
  await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve));
  const broken = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
  const speechless = createServer();
  speechless.on('stream', (stream) => stream.respond({ ':status': 404 }, { endStream: true }));
  await new Promise<void>((resolve) => speechless.listen(0, '127.0.0.1', resolve));
  const wrong = `http://127.0.0.1:${(speechless.address() as AddressInfo).port}`;
  // Closed, breaking off, something else.
  const urls = ['http://127.0.0.1:1', broken, wrong];
  for (const url of urls) {
    const error = await failureAt(url);
    const reason =
      error instanceof ConnectError ? reasonOf(error) : (error as { reason?: Reason }).reason;
    expect([url, reason], String(error)).toEqual([url, Reason.REGISTRY_UNAVAILABLE]);
  }
  breaking.close();
  speechless.close();
});

/** A registry that never comes to the end of what it tells. */
async function openEndlessRegistry() {
  const adapter = connectNodeAdapter({
    routes: (router) =>
      router.service(AuditService, {
        async *exportRecords(_, { signal }) {
          while (!signal.aborted) {
            yield { data: new Uint8Array(64) };
            await nextTurn();
          }
          ended.resolve();
        },
      }),
  });
  const ended = Promise.withResolvers<void>();
  const server = createServer(adapter);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ended: ended.promise,
    close: () => server.close(),
  };
}

const make = createEntries();
const denying = make.policy({
  name: 'locked',
  rules: [{ name: 'locked', effect: Effect.DENY, actions: [Action.ADMINISTER] }],
});

test.each([
  ['may not call any more', make.removed('key/acme/k1'), Reason.CREDENTIAL_INVALID],
  ['may not administer any more', denying, Reason.DENIED],
])(
  'a forwarded stream ends when its caller %s, and so does the work for it',
  async (_, change, reason) => {
    const registry = await openEndlessRegistry();
    const sessions = new Http2SessionManager(registry.url);
    await using weir = openAnswering([]);
    const apply = (...changes: SnapshotEntry[]) => {
      const { current } = weir.holder;
      const at = { epoch: current.epoch, revision: current.revision + 1n };
      weir.holder.replace(applyEntries(current, changes, at), 0);
    };
    apply(make.principal('lin'), make.key('k1', 'lin'));
    const transport = createGrpcTransport({ baseUrl: registry.url, sessionManager: sessions });
    const assertions = createAssertions(new Uint8Array(32).fill(7));
    const { exportRecords } = forward(AuditService, { ...weir, transport, assertions });
    const context = testContext(AuditService.method.exportRecords, {});
    const parts = exportRecords?.(create(ExportRecordsRequestSchema), context);
    let told = 0;
    const reading = (async () => {
      for await (const _part of parts ?? []) {
        told += 1;
        if (told === 3) apply(change);
      }
    })();
    const error = await reading.catch((fault: unknown) => fault);
    expect(reasonOf(error)).toBe(reason);
    expect(told).toBe(3);
    await registry.ended;
    sessions.abort();
    registry.close();
  },
);
