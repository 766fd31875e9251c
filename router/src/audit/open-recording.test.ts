import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { verifyJournal } from '@weir/journal';
import { createLogger, createMetrics, systemClock } from '@weir/kit';
import {
  JournalService,
  OpenChainResponseSchema,
  ShipEntriesResponseSchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test } from 'vitest';
import { openRecording } from './open-recording.ts';

test('calls are recorded in the data directory, shipped, and counted', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-audit-'));
  const metrics = createMetrics('test');
  let shipped = 0n;
  let anchored = 0n;
  const transport = createRouterTransport(({ service }) => {
    service(JournalService, {
      openChain: () => create(OpenChainResponseSchema, { shipped }),
      anchorHead: ({ length }) => {
        anchored = length;
        return {};
      },
      shipEntries: ({ first, entries }) => {
        shipped = first + BigInt(entries.length);
        return create(ShipEntriesResponseSchema, { shipped });
      },
    });
  });
  try {
    const settings = { journalDurable: false, journalMaxBytes: 2 ** 30, journalKeepMs: 60_000 };
    const log = createLogger({ name: 'test', level: 'silent' });
    const audit = await openRecording(
      { dataDir, ...settings },
      { transport, clock: systemClock, log, metrics },
    );
    expect(audit.journal.refusal()).toBeUndefined();
    audit.recorder.recordRefused({
      ...{ requestId: 'r', method: 'm', network: '::1', code: 16 },
      ...{ startWallMs: Date.now(), startMonotonicMs: performance.now() },
      reason: Reason.CREDENTIAL_MISSING,
    });
    await audit[Symbol.asyncDispose]();
    // The link, the call, and the checkpoint of both.
    expect(shipped).toBe(3n);
    expect(anchored).toBe(2n);
    const { ok, chains } = await verifyJournal({ directory: join(dataDir, 'journal') });
    expect(ok).toBe(true);
    expect(chains[0]?.length).toBe(3);
    const text = await metrics.text();
    expect(text).toContain('weir_journal_entries_total{service="test"} 3');
    expect(text).toContain('weir_journal_state{state="closed",service="test"} 1');
  } finally {
    await metrics.shutdown();
    await rm(dataDir, { recursive: true });
  }
});
