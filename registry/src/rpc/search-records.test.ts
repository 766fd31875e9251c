import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { reasonName, reasonOf } from '@weir/kit';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { beginChain } from '../audit/test-chain.ts';
import { openTestRegistry, signed } from '../test-registry.ts';

const asRouter = signed({ kind: 'service', name: 'router' });
const asAdmin = signed({
  kind: 'caller',
  caller: {
    ...{ tenant: 'default', principal: 'ann', consumer: '', keyId: 'k', permits: [], network: '' },
    ...{ authentication: 'key', scopes: new Set([Scope.ADMIN]), attributes: {} },
  },
});

test('a page token whose places were altered is refused, and asks the database nothing', async () => {
  await using registry = await openTestRegistry();
  const baseUrl = registry.opened.url;
  const by = (interceptor: Interceptor) =>
    createGrpcTransport({ baseUrl, interceptors: [interceptor] });
  const nowMs = Date.now();
  const chain = beginChain(nowMs);
  for (let i = 0; i < 3; i++) chain.addCall({ tenant: 'default', time: timestampFromMs(nowMs) });
  const journal = createClient(JournalService, by(asRouter));
  await journal.openChain({ chain: chain.chain });
  const { id } = chain.chain;
  await journal.shipEntries({ chain: id, first: 0n, entries: [...chain.entries] });

  const client = createClient(AuditService, by(asAdmin));
  const next = (pageToken: string) =>
    client.searchRecords({ pageSize: 1, pageToken }).then(
      ({ records }) => records.length,
      (error: unknown) => reasonName(reasonOf(error) ?? Reason.UNSPECIFIED),
    );
  const { nextPageToken } = await client.searchRecords({ pageSize: 1 });
  expect(await next(nextPageToken)).toBe(1);
  const parts: string[] = JSON.parse(Buffer.from(nextPageToken, 'base64url').toString());
  // After what binds it: a time, a chain, a position, and the span.
  for (const at of [1, 3, 4, 5]) {
    for (const number of ['1e15', '-1e15', '-1', 'NaN', 'Infinity', '1'.repeat(300), 'x']) {
      const altered = parts.with(at, number);
      const token = Buffer.from(JSON.stringify(altered)).toString('base64url');
      const isPosition = at === 3 && Number.isSafeInteger(Number(number));
      if (!isPosition)
        expect([at, number, await next(token)]).toEqual([at, number, 'REASON_INVALID_PAGE']);
    }
  }
});
