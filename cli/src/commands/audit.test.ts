import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { timestampDate, timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  createChainKeys,
  entryKinds,
  genesis,
  hashBody,
  hashEntry,
  signCheckpoint,
} from '@weir/journal';
import {
  type CreateReportRequest,
  type ExportChainsResponse,
  ExportChainsResponseSchema,
  type ExportRecordsRequest,
  type RecordFilter,
  ReportKind,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { ChainSchema, type Entry, EntrySchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';
import { serveWeir, type WeirServer, weirError } from '../../test/weir-server.ts';

const bytes = (text: string) => ({ data: new TextEncoder().encode(text) });
const at = timestampFromDate(new Date('2026-05-03T10:00:00Z'));

const record = {
  requestId: 'req-1',
  time: at,
  principal: 'user:lin',
  consumer: 'copilot',
  purpose: 'support',
  items: [
    {
      action: Action.FETCH,
      type: 'Customer',
      key: '4711',
      effect: Effect.ALLOW,
      rules: ['base/read'],
      redactions: ['mask /phone', 'hash /mail'],
    },
  ],
};

let server: WeirServer;
let folder: string;
let filter: RecordFilter | undefined;
let exported: ExportRecordsRequest | undefined;
let reported: CreateReportRequest | undefined;
let chains: ExportChainsResponse[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-audit-'));
  chains = chainParts();
  server = await serveWeir({
    audit: {
      searchRecords(request) {
        ({ filter } = request);
        if (request.filter?.tenant === 'other') {
          throw weirError(Code.PermissionDenied, Reason.SCOPE_MISSING, 'the key lacks the scope');
        }
        if (request.filter?.key === 'none') return { records: [], nextPageToken: '' };
        // A page can be empty, and more behind it.
        if (request.pageToken === '') return { records: [], nextPageToken: 'on' };
        const found = Array.from({ length: Math.min(2, request.pageSize) }, () => ({ record }));
        return { records: found, nextPageToken: request.pageSize > 2 ? '' : 'more' };
      },
      async *exportRecords(request) {
        exported = request;
        yield bytes('{"chain":"a"}\n');
        yield bytes('{"chain":"b"}\n');
      },
      async *createReport(request) {
        reported = request;
        yield bytes('<!doctype html>');
      },
      async *exportChains() {
        yield* chains;
      },
      eraseRecords: ({ principal }) => ({ records: principal === 'user:lin' ? 3n : 0n }),
    },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const weir = (...args: string[]) =>
  runWeir(['audit', ...args, '--url', server.url], { cwd: folder, columns: 160 });

/** A chain of a link, three calls and a checkpoint, as the registry gives it out. */
function chainParts(): ExportChainsResponse[] {
  const keys = createChainKeys();
  const timeMs = Date.now() - 3_600_000;
  const chain = create(ChainSchema, {
    id: 'ab'.repeat(16),
    writer: 'router-1',
    publicKey: new Uint8Array(keys.publicKey),
    createTime: timestampFromMs(timeMs),
  });
  const entries: Entry[] = [];
  let head: Uint8Array = genesis;
  const add = (kind: keyof typeof entryKinds, body: Uint8Array) => {
    const header = Buffer.alloc(64);
    header.writeUInt8(1, 0);
    header.writeUInt8(entryKinds[kind], 1);
    header.writeUInt32BE(body.length, 4);
    header.writeBigUInt64BE(BigInt(entries.length), 8);
    header.writeBigUInt64BE(BigInt(timeMs), 16);
    header.set(hashBody(body), 24);
    header.set(head.subarray(0, 8), 56);
    entries.push(create(EntrySchema, { header: new Uint8Array(header), body }));
    head = hashEntry(head, header);
  };
  add('link', toBinary(ChainSchema, chain));
  for (const requestId of ['a', 'b', 'c']) {
    add('call', toBinary(CallRecordSchema, create(CallRecordSchema, { requestId, tenant: 't' })));
  }
  const checkpoint = { chain: chain.id, length: entries.length, head, timeMs };
  const signature = new Uint8Array(signCheckpoint(checkpoint, keys.privateKey));
  const anchor = {
    ...{ chain: chain.id, length: BigInt(entries.length), head: new Uint8Array(head) },
    ...{ signature, time: timestampFromMs(timeMs) },
  };
  const part = (of: object) => create(ExportChainsResponseSchema, { part: of as never });
  return [
    part({ case: 'chain', value: chain }),
    part({ case: 'anchor', value: anchor }),
    part({ case: 'entries', value: { chain: chain.id, first: 0n, entries } }),
  ];
}

describe('weir audit search', () => {
  test('answers who read a record in May, under which rule, with which fields masked', async () => {
    const { code, out } = await weir(
      ...['search', '--type', 'Customer', '--key', '4711', '--in', '2026-05', '--limit', '100'],
    );
    expect(code).toBe(0);
    expect(filter).toMatchObject({ type: 'Customer', key: '4711', tenant: '' });
    expect(filter?.from && timestampDate(filter.from).toISOString()).toBe(
      '2026-05-01T00:00:00.000Z',
    );
    expect(filter?.to && timestampDate(filter.to).toISOString()).toBe('2026-06-01T00:00:00.000Z');
    expect(out).toContain(
      'TIME                  WHO                  WHAT                 DECISION  RULES      REDACTIONS',
    );
    expect(out).toContain(
      '2026-05-03 10:00:00Z  user:lin as copilot  fetch Customer/4711  given     base/read  mask /phone, hash /mail  support',
    );
    expect(out).toContain('2 calls.\n');
  });

  test('says when there is more, and when there is nothing', async () => {
    expect((await weir('search', '--limit', '2')).out).toContain('there are more: raise --limit');
    expect((await weir('search', '--key', 'none')).out).toBe('No calls.\n');
  });

  test('gives JSON to programs', async () => {
    const { out } = await weir('search', '--effect', 'allow', '--json');
    expect(filter?.effect).toBe(Effect.ALLOW);
    expect(JSON.parse(out).records[0].record.items[0].redactions).toEqual([
      'mask /phone',
      'hash /mail',
    ]);
  });

  test.each([
    [['--in', '2026-05', '--from', '2026-04'], "cannot be used with option '--from"],
    [['--in', 'May'], 'Write a month or day'],
    [['--effect', 'maybe'], 'There are allow and deny'],
  ])('refuses %j', async (args, text) => {
    const { code, err } = await weir('search', ...args);
    expect(code).toBe(2);
    expect(err).toContain(text);
  });

  test('of another tenant needs the right key', async () => {
    expect(await weir('search', '--tenant', 'other')).toMatchObject({
      code: 3,
      err: expect.stringContaining('the key lacks the scope'),
    });
  });
});

describe('weir audit export', () => {
  test('writes to standard output, or to a file', async () => {
    const { code, out } = await weir('export', '--principal', 'user:lin');
    expect({ code, out }).toEqual({ code: 0, out: '{"chain":"a"}\n{"chain":"b"}\n' });
    expect(exported?.filter?.principal).toBe('user:lin');
    const saved = await weir('export', '--format', 'csv', '-o', 'x.csv');
    expect(saved).toEqual({ code: 0, out: '', err: 'Saved 28 bytes to x.csv.\n' });
    expect(await readFile(join(folder, 'x.csv'), 'utf8')).toContain('"b"');
  });
});

describe('weir audit report', () => {
  test('asks for what it is told, in its language', async () => {
    const args = ['access', '--type', 'Customer', '--key', '4711', '--language', 'zh-TW'];
    expect(await weir('report', ...args)).toMatchObject({ code: 0, out: '<!doctype html>' });
    const { kind, type, key, language } = reported ?? {};
    expect({ kind, type, key, language }).toEqual({
      ...{ kind: ReportKind.ACCESS_REQUEST, type: 'Customer', key: '4711', language: 'zh-TW' },
    });
    await weir('report', 'mlps', '--in', '2026');
    expect(reported?.kind).toBe(ReportKind.MLPS);
  });

  test('needs to know about whom', async () => {
    expect((await weir('report', 'access')).err).toContain('Give --principal, or --key');
    expect((await weir('report', 'access', '--type', 'T')).code).toBe(2);
    expect((await weir('report', 'soc2')).err).toContain('There are access, iso27001, mlps.');
  });
});

describe('weir audit verify', () => {
  test('finds what was exported whole, without asking anybody', async () => {
    expect((await weir('chains', '-o', 'chains.bin')).code).toBe(0);
    await using gone = await serveWeir({});
    const { code, out } = await runWeir(['audit', 'verify', 'chains.bin', '--url', gone.url], {
      cwd: folder,
    });
    expect(code).toBe(0);
    expect(out).toContain('1 chain, all whole.');
    expect(out).toMatch(/router-1 +5|router-1 +4/);
  });

  test('names the first bad entry of a file that was altered', async () => {
    const altered = structuredClone(chains);
    const [, , entries] = altered;
    if (entries?.part.case === 'entries') entries.part.value.entries[2]?.body.fill(0x7a, 2, 3);
    const file = altered.map((part) => sizeDelimitedEncode(ExportChainsResponseSchema, part));
    await writeFile(join(folder, 'altered.bin'), Buffer.concat(file));
    const { code, out } = await weir('verify', 'altered.bin');
    expect(code).toBe(1);
    expect(out).toContain(`BAD chain ${'ab'.repeat(16)}, entry 2: `);
    const json = JSON.parse((await weir('verify', 'altered.bin', '--json')).out);
    expect(json).toMatchObject({ ok: false, faults: [{ position: 2, kind: 'body' }] });
  });

  test('says what it can verify', async () => {
    await writeFile(join(folder, 'records.ndjson'), '{}\n');
    expect((await weir('verify', 'records.ndjson')).err).toContain('holds no chains');
    expect(await weir('verify', 'nope')).toMatchObject({
      code: 2,
      err: 'weir: nope does not exist.\n',
    });
    await writeFile(join(folder, 'garbage'), Buffer.alloc(100, 0xff));
    expect((await weir('verify', 'garbage')).code).toBe(2);
  });
});

describe('weir audit erase', () => {
  test('wants to be asked twice', async () => {
    const args = ['erase', '--principal', 'user:lin', '--before', '2026-01'];
    expect(await weir(...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining('Add --yes'),
    });
    expect(await weir(...args, '--yes')).toMatchObject({ code: 0, out: 'erased 3 records\n' });
  });
});
