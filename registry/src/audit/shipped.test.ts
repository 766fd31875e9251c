import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type JournalIntake, openJournal, verifyJournal } from '@weir/journal';
import { createLogger, systemClock } from '@weir/kit';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { openTestRegistry, signed, type TestRegistry } from '../test-registry.ts';

const log = createLogger({ name: 'test', level: 'silent' });

function transportOf(weir: TestRegistry, as: Parameters<typeof signed>[0]) {
  const interceptors = [signed(as)];
  return createGrpcTransport({ baseUrl: weir.opened.url, interceptors });
}

/** A registry that answers only every other call, and loses the answer of others. */
function unreliable(intake: JournalIntake): JournalIntake {
  let calls = 0;
  const sometimes = async <T>(call: () => Promise<T>): Promise<T> => {
    calls += 1;
    if (calls % 3 === 0) throw new Error('the registry is away');
    const answer = await call();
    if (calls % 3 === 1) throw new Error('the answer is lost');
    return answer;
  };
  return {
    openChain: (request, call) => sometimes(() => intake.openChain(request, call)),
    anchorHead: (request, call) => sometimes(() => intake.anchorHead(request, call)),
    shipEntries: (request, call) => sometimes(() => intake.shipEntries(request, call)),
  };
}

test('what a router writes is found in the registry once, over restarts and a bad line', async () => {
  await using weir = await openTestRegistry();
  const folder = await mkdtemp(join(tmpdir(), 'weir-shipped-'));
  const intake = createClient(JournalService, transportOf(weir, { kind: 'service', name: 'r' }));
  const nowMs = Date.now();
  const write = async (start: number, through: JournalIntake) => {
    await using journal = await openJournal({
      ...{ directory: join(folder, 'journal'), writer: 'router-1', durable: false },
      ...{ maxBytes: 1024 ** 3, keepMs: 60_000, clock: systemClock, log, intake: through },
    });
    for (let at = start; at < start + 40; at += 1) {
      const record = create(CallRecordSchema, {
        requestId: `r${at}`,
        tenant: 'default',
        principal: 'user:lin',
        time: timestampFromMs(nowMs + at),
      });
      journal.append('call', nowMs + at, toBinary(CallRecordSchema, record));
      if (at % 7 === 0) await journal.written();
    }
    await journal.written();
  };
  await write(0, unreliable(intake));
  await write(40, unreliable(intake));
  await write(80, intake);

  const caller = {
    ...{ tenant: 'default', principal: 'ann', consumer: '', keyId: 'k', permits: [] },
    ...{ authentication: 'key' as const, network: '', attributes: {} },
    scopes: new Set([Scope.PLATFORM]),
  };
  const audit = createClient(AuditService, transportOf(weir, { kind: 'caller', caller }));
  const to = timestampFromMs(nowMs + 1000);
  const { records } = await audit.searchRecords({ filter: { to }, pageSize: 500 });
  expect(records.map(({ record }) => record?.requestId)).toEqual(
    Array.from({ length: 120 }, (_, at) => `r${119 - at}`),
  );
  const { faults, chains } = await verifyJournal({ parts: audit.exportChains({ entries: true }) });
  expect(faults).toEqual([]);
  expect(chains).toHaveLength(3);
  expect(chains.every(({ anchors }) => anchors > 0)).toBe(true);
  await rm(folder, { recursive: true });
});
