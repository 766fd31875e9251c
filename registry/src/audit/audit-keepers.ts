import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Core } from '../core.ts';
import { repeat } from '../repeat.ts';
import type { Page } from '../store/store.ts';
import type { Audit } from './audit.ts';

const MERGE_INTERVAL_MS = 5000;
const RETENTION_INTERVAL_MS = 10 * 60_000;
const DUTY_MS = 2 * RETENTION_INTERVAL_MS;
const TENANTS_AT_ONCE = 500;
/** Where rows were are holes, which the embedded database does not fill by itself. */
const VACUUM_ROWS = 5000;
/** How long records are kept when a tenant does not say. */
export const retentionDefaultMs = 400 * 86_400_000;

/** The records of calls that let nobody in. */
const NOBODY = '';

/** Opens what keeps records in order: merging of rows, and the end of their time. */
export function openAuditKeepers(core: Core, audit: Audit): AsyncDisposable {
  const { store, clock, log } = core;
  const holder = core.newId();
  const stop = new AbortController();
  const keepers = new AsyncDisposableStack();
  keepers.defer(() => store.releaseDuties(holder).catch(() => {}));
  let gone = 0;

  const onDuty = (task: () => Promise<void>) => async () => {
    const nowMs = clock.wallMs();
    if (await store.holdDuty('audit', holder, nowMs, nowMs + DUTY_MS)) await task();
  };
  const merge = onDuty(async () => {
    gone += await audit.records.merge(stop.signal);
    if (gone < VACUUM_ROWS) return;
    await audit.records.vacuum();
    gone = 0;
  });
  const retain = onDuty(async () => {
    gone += await dropOld(core, audit, stop.signal);
  });
  keepers.use(repeat('merging records', MERGE_INTERVAL_MS, merge, log));
  keepers.use(repeat('dropping old records', RETENTION_INTERVAL_MS, retain, log));
  keepers.defer(() => stop.abort());
  return keepers;
}

/** Drops the records whose time is over, of every tenant and of nobody. Says how many rows. */
export async function dropOld(
  core: Pick<Core, 'store' | 'clock'>,
  audit: Audit,
  signal: AbortSignal,
): Promise<number> {
  const nowMs = core.clock.wallMs();
  let rows = await dropAll(audit, { tenant: NOBODY, beforeMs: nowMs - retentionDefaultMs }, signal);
  let page: Page | undefined = { size: TENANTS_AT_ONCE };
  while (page) {
    const found: Awaited<ReturnType<typeof core.store.tenants>> = await core.store.tenants(page);
    for (const { name: tenant, auditRetention } of found.items) {
      const keptMs = auditRetention ? durationMs(auditRetention) : retentionDefaultMs;
      const beforeMs = nowMs - Math.max(keptMs, audit.minRetentionMs);
      rows += await dropAll(audit, { tenant, beforeMs }, signal);
    }
    page = found.after && { size: TENANTS_AT_ONCE, after: found.after };
  }
  await audit.records.prune(nowMs - Math.max(retentionDefaultMs, audit.minRetentionMs));
  return rows;
}

async function dropAll(
  { records }: Audit,
  { tenant, beforeMs }: { readonly tenant: string; readonly beforeMs: number },
  signal: AbortSignal,
): Promise<number> {
  let rows = 0;
  for (;;) {
    signal.throwIfAborted();
    const dropped = await records.dropOlder(tenant, beforeMs);
    if (dropped === 0) return rows;
    rows += dropped;
  }
}
