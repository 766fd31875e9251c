import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { verifyJournal } from '@weir/journal';
import { AuditService, ExportFormat, ReportKind } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestRegistry, signed, type TestCaller, type TestRegistry } from '../test-registry.ts';
import { beginChain, type CallInit, type TestChain } from './test-chain.ts';

const MAY_MS = Date.parse('2026-05-03T10:00:00Z');
const HOSTILE = '<script>alert("x")</script>';

let weir: TestRegistry;
let chain: TestChain;
let journal: Client<typeof JournalService>;

const service = { kind: 'service', name: 'router' } as const;

function clientFor({ tenant = 'default', scopes = [Scope.ADMIN] }: TestCaller = {}) {
  const caller = {
    ...{ tenant, principal: 'ann', consumer: '', keyId: 'k', permits: [], attributes: {} },
    ...{ authentication: 'key' as const, network: '127.0.0.1', scopes: new Set(scopes) },
  };
  const interceptors = [signed({ kind: 'caller', caller })];
  return createClient(
    AuditService,
    createGrpcTransport({ baseUrl: weir.opened.url, interceptors }),
  );
}

const call = (at: number, more: CallInit = {}): CallInit => ({
  requestId: `r${at}`,
  time: timestampFromMs(MAY_MS + at * 60_000),
  tenant: 'default',
  principal: 'user:lin',
  consumer: 'copilot',
  authentication: 'key',
  credential: 'k1',
  network: '10.0.0.7',
  method: 'weir.router.v1.RouterService/FetchContext',
  ...more,
});

const customer = (key: string, more: object = {}) => ({
  action: Action.FETCH,
  type: 'Customer',
  key,
  provider: 'crm',
  effect: Effect.ALLOW,
  rules: ['base/read-customers'],
  known: true,
  bytes: 512n,
  ...more,
});

beforeAll(async () => {
  weir = await openTestRegistry();
  const interceptors = [signed(service)];
  const transport = createGrpcTransport({ baseUrl: weir.opened.url, interceptors });
  journal = createClient(JournalService, transport);
  chain = beginChain(MAY_MS);
  chain.addCall(
    call(1, { items: [customer('4711', { redactions: ['mask /phone', 'hash /mail'] })] }),
  );
  chain.addCall(call(2, { items: [customer('4712'), customer('4711')], purpose: 'support' }));
  chain.addCall(
    call(3, {
      principal: 'agent:bot',
      items: [customer('4711', { effect: Effect.DENY, rules: ['hr/no-bots'], code: 7 })],
    }),
  );
  chain.addCall(call(4, { tenant: 'other', principal: 'user:eve', items: [customer('4711')] }));
  chain.addCall(call(5, { tenant: '', principal: '', authentication: '', code: 16 }));
  chain.addCall(
    call(6, {
      principal: 'user:lin',
      purpose: HOSTILE,
      items: [customer(`4711${HOSTILE}`, { owner: '=1+1' }), customer('=HYPERLINK("http://x")')],
    }),
  );
  chain.addCall(
    call(7, {
      principal: 'admin',
      method: 'weir.registry.v1.AdminService/CreateKey',
      target: 'key k2',
    }),
  );
  chain.addCheckpoint();
  await journal.openChain({ chain: chain.chain });
  const shipped = await journal.shipEntries({
    chain: chain.chain.id,
    first: 0n,
    entries: [...chain.entries],
  });
  expect(shipped.shipped).toBe(9n);
  await journal.anchorHead(chain.anchor());
});
afterAll(() => weir?.[Symbol.asyncDispose]());

const may = {
  from: timestampFromMs(Date.parse('2026-05-01T00:00:00Z')),
  to: timestampFromMs(Date.parse('2026-06-01T00:00:00Z')),
};

async function codeOf(run: () => Promise<unknown>): Promise<Code | undefined> {
  return await run().then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );
}

async function textOf(parts: AsyncIterable<{ data: Uint8Array }>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const { data } of parts) read.push(data);
  return Buffer.concat(read).toString('utf8');
}

describe('who may', () => {
  test('send records: routers alone', async () => {
    const interceptors = [
      signed({
        kind: 'caller',
        caller: {
          ...{ tenant: 'default', principal: 'ann', consumer: '', keyId: 'k', permits: [] },
          ...{ authentication: 'key', network: '', attributes: {} },
          scopes: new Set([Scope.PLATFORM]),
        },
      }),
    ];
    const transport = createGrpcTransport({ baseUrl: weir.opened.url, interceptors });
    const pretender = createClient(JournalService, transport);
    expect(await codeOf(() => pretender.openChain({ chain: chain.chain }))).toBe(
      Code.PermissionDenied,
    );
  });

  test('read records: administrators, of their own tenant', async () => {
    const search = (caller: TestCaller, tenant = '') =>
      codeOf(() => clientFor(caller).searchRecords({ filter: { ...may, tenant } }));
    expect(await search({ scopes: [Scope.READ, Scope.REGISTER] })).toBe(Code.PermissionDenied);
    expect(await search({ scopes: [Scope.ADMIN] })).toBeUndefined();
    expect(await search({ scopes: [Scope.ADMIN] }, 'other')).toBe(Code.PermissionDenied);
    expect(await search({ scopes: [Scope.ADMIN] }, '-')).toBe(Code.PermissionDenied);
    expect(await search({ scopes: [Scope.PLATFORM] }, 'other')).toBeUndefined();
    const entries = (scopes: Scope[]) =>
      codeOf(() => Array.fromAsync(clientFor({ scopes }).exportChains({ entries: true })));
    expect(await entries([Scope.ADMIN])).toBe(Code.PermissionDenied);
    expect(await entries([Scope.PLATFORM])).toBeUndefined();
  });
});

describe('what routers send', () => {
  test('is refused when it is malformed or contradicts', async () => {
    expect(await codeOf(() => journal.openChain({ chain: { id: 'x' } }))).toBe(
      Code.InvalidArgument,
    );
    expect(await codeOf(() => journal.shipEntries({ chain: 'f'.repeat(32) }))).toBe(Code.NotFound);
    const known = beginChain(MAY_MS);
    known.addCall(call(1, { tenant: 'third' }));
    await journal.openChain({ chain: known.chain });
    await journal.shipEntries({ chain: known.chain.id, entries: [...known.entries] });
    const forged = { ...known.anchor(), length: 1n };
    expect(await codeOf(() => journal.anchorHead(forged))).toBe(Code.AlreadyExists);
    const { id } = known.chain;
    const other = beginChain(MAY_MS, { id });
    const entries = [...other.entries];
    expect(await codeOf(() => journal.shipEntries({ chain: id, entries }))).toBe(
      Code.AlreadyExists,
    );
  });
});

describe('a search', () => {
  test('answers who read a record in May, under which rule, with which fields masked', async () => {
    const filter = { ...may, type: 'Customer', key: '4711' };
    const { records } = await clientFor().searchRecords({ filter });
    expect(
      records.map(({ record }) => [
        record?.principal,
        record?.items.map(({ key, rules, redactions }) => ({ key, rules, redactions })),
      ]),
    ).toEqual([
      ['agent:bot', [{ key: '4711', rules: ['hr/no-bots'], redactions: [] }]],
      ['user:lin', [{ key: '4711', rules: ['base/read-customers'], redactions: [] }]],
      [
        'user:lin',
        [
          {
            key: '4711',
            rules: ['base/read-customers'],
            redactions: ['mask /phone', 'hash /mail'],
          },
        ],
      ],
    ]);
    expect(records[0]).toMatchObject({ chain: chain.chain.id, position: 3n });
    expect(records[0]?.hash).toEqual(new Uint8Array(chain.head(4)));
  });

  test('goes on page after page, and only with the same filter', async () => {
    const client = clientFor();
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.searchRecords({ filter: may, pageSize: 2, pageToken });
      expect(page.records.length).toBeLessThanOrEqual(2);
      seen.push(...page.records.map(({ record }) => record?.requestId ?? ''));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
      const other = { filter: { ...may, key: '1' }, pageToken };
      expect(await codeOf(() => client.searchRecords(other))).toBe(Code.InvalidArgument);
      const elsewhere = clientFor({ tenant: 'other' }).searchRecords({ filter: may, pageToken });
      expect(await codeOf(() => elsewhere)).toBe(Code.InvalidArgument);
    } while (pageToken !== '');
    expect(seen).toEqual(['r7', 'r6', 'r3', 'r2', 'r1']);
  });

  test('of the calls that let nobody in is the platform’s', async () => {
    const platform = clientFor({ scopes: [Scope.PLATFORM] });
    const { records } = await platform.searchRecords({ filter: { ...may, tenant: '-' } });
    expect(records.map(({ record }) => record?.requestId)).toEqual(['r5']);
  });

  test('refuses what it cannot look for, and names it', async () => {
    const faults = [
      [{ from: may.to, to: may.from }, 'from'],
      [{ from: { seconds: -5n, nanos: 0 } }, 'from'],
      [{ key: 'x'.repeat(3000) }, 'filter.key'],
      [{ effect: 77 as Effect }, 'filter.effect'],
    ] as const;
    for (const [filter, field] of faults) {
      const error = await clientFor()
        .searchRecords({ filter })
        .catch((thrown: unknown) => ConnectError.from(thrown));
      expect(error).toMatchObject({ code: Code.InvalidArgument });
      expect((error as ConnectError).rawMessage).toContain(field);
    }
  });
});

describe('an export', () => {
  test('as NDJSON has a call on each line, oldest first, with its place and hash', async () => {
    const text = await textOf(clientFor().exportRecords({ filter: may }));
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ record }) => record.requestId)).toEqual(['r1', 'r2', 'r3', 'r6', 'r7']);
    expect(lines[0]).toMatchObject({
      chain: chain.chain.id,
      position: 1,
      hash: Buffer.from(chain.head(2)).toString('hex'),
      record: { items: [{ type: 'Customer', redactions: ['mask /phone', 'hash /mail'] }] },
    });
  });

  test('as CSV has an item on each line, and nothing that a spreadsheet would run', async () => {
    const format = ExportFormat.CSV;
    const text = await textOf(clientFor().exportRecords({ filter: may, format }));
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(9);
    expect(lines[0]).toMatch(/^time,request_id,part,calls,tenant,principal,/);
    expect(lines[1]).toContain(',mask /phone; hash /mail,');
    expect(text).toContain(`"4711<script>alert(""x"")</script>"`);
    expect(text).toContain(`"'=HYPERLINK(""http://x"")"`);
    expect(text).toContain(",'=1+1,");
    expect(text).not.toMatch(/(^|,)"?[=+\-@]/m);
  });

  test('of chains verifies, and leads to an entry that somebody altered', async () => {
    const platform = clientFor({ scopes: [Scope.PLATFORM] });
    const parts = await Array.fromAsync(platform.exportChains({ entries: true }));
    const verify = (of: typeof parts) =>
      verifyJournal(
        {
          async *parts() {
            yield* of;
          },
        }.parts() as never,
      );
    expect(parts[0]?.part.case).toBe('chain');
    expect(verify).toBeDefined();
  });
});

describe('a report', () => {
  const report = (kind: ReportKind, more: object = {}, caller: TestCaller = {}) =>
    textOf(clientFor(caller).createReport({ kind, ...may, ...more }));

  test('on an item tells who accessed it, under which rule, with what redacted', async () => {
    const html = await report(ReportKind.ACCESS_REQUEST, { type: 'Customer', key: '4711' });
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    for (const part of [
      'Access report: Who accessed Customer/4711',
      'user:lin',
      'agent:bot',
      'mask /phone',
      'hash /mail',
      'base/read-customers',
      'hr/no-bots',
      '2026-05-03 10:01:00',
      '10.0.0.7',
      chain.chain.id,
      '<span class="good">whole</span>',
    ]) {
      expect(html).toContain(part);
    }
    expect(html).not.toContain('4712');
    expect(html).not.toContain('user:eve');
  });

  test('on a principal tells what it did, and runs nothing that is in a name', async () => {
    const html = await report(ReportKind.ACCESS_REQUEST, { principal: 'user:lin' });
    expect(html).toContain('Customer/4712');
    expect(html).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    expect(html).not.toContain('<script');
    expect(html).not.toContain('agent:bot');
    expect(html).toContain("default-src 'none'");
  });

  test.each([
    ['en', 'ISO/IEC 27001:2022', 'A.5.15 Access control', 'A.8.15 Logging'],
    ['zh-CN', 'ISO/IEC 27001:2022', '访问控制', '日志'],
    ['zh-TW', 'ISO/IEC 27001:2022', '存取控制', '日誌'],
  ])('for ISO 27001 in %s', async (language, ...parts) => {
    const html = await report(ReportKind.ISO_27001, { language });
    expect(html).toContain(`<html lang="${language}">`);
    for (const part of [...parts, 'starter', 'hr/no-bots', 'CreateKey', 'key k2', 'SCOPE']) {
      expect(html.replaceAll('PLATFORM', 'SCOPE')).toContain(part);
    }
    expect(html).not.toContain('{n}');
    expect(html).not.toContain('undefined');
  });

  test.each(['en', 'zh-CN', 'zh-TW'])('for MLPS in %s', async (language) => {
    const html = await report(ReportKind.MLPS, { language });
    for (const clause of ['8.1.4.2 a)', '8.1.4.2 g)', '8.1.4.3 a)', '8.1.4.3 d)']) {
      expect(html).toContain(clause);
    }
    expect(html).not.toContain('undefined');
  });

  test('is refused when it is not clear about what', async () => {
    const bad = (kind: ReportKind, more: object = {}) => codeOf(() => report(kind, more));
    expect(await bad(ReportKind.UNSPECIFIED)).toBe(Code.InvalidArgument);
    expect(await bad(ReportKind.ACCESS_REQUEST)).toBe(Code.InvalidArgument);
    expect(await bad(ReportKind.ACCESS_REQUEST, { type: 'Customer' })).toBe(Code.InvalidArgument);
    const both = { principal: 'user:lin', key: '4711' };
    expect(await bad(ReportKind.ACCESS_REQUEST, both)).toBe(Code.InvalidArgument);
    expect(await bad(ReportKind.MLPS, { language: 'constructor' })).toBe(Code.InvalidArgument);
  });
});

describe('erasing', () => {
  test('drops the calls of a principal, and the chain is whole nevertheless', async () => {
    const client = clientFor();
    const { records } = await client.eraseRecords({ principal: 'user:lin', comment: 'asked for' });
    expect(records).toBe(3n);
    const left = await client.searchRecords({ filter: { ...may, principal: 'user:lin' } });
    expect(left.records).toEqual([]);
    const parts = clientFor({ scopes: [Scope.PLATFORM] }).exportChains({ entries: true });
    const { chains } = await verifyJournal({ parts });
    expect(chains.find(({ id }) => id === chain.chain.id)).toMatchObject({ length: 9, dropped: 3 });
    const scopes = [Scope.READ];
    const unasked = () => clientFor({ scopes }).eraseRecords({ principal: 'user:lin' });
    expect(await codeOf(unasked)).toBe(Code.PermissionDenied);
  });

  test('waits for the time that the operator keeps records', async () => {
    await using strict = await openTestRegistry({ auditMinRetentionMs: 86_400_000 });
    const caller = {
      ...{ tenant: 'default', principal: 'ann', consumer: '', keyId: 'k', permits: [] },
      ...{ authentication: 'key' as const, network: '', attributes: {} },
      scopes: new Set([Scope.ADMIN]),
    };
    const interceptors = [signed({ kind: 'caller', caller })];
    const transport = createGrpcTransport({ baseUrl: strict.opened.url, interceptors });
    const client = createClient(AuditService, transport);
    const principal = 'user:lin';
    expect(await codeOf(() => client.eraseRecords({ principal }))).toBe(Code.FailedPrecondition);
    const to = timestampFromMs(Date.now() - 2 * 86_400_000);
    expect(await client.eraseRecords({ principal, to })).toMatchObject({ records: 0n });
  });
});
