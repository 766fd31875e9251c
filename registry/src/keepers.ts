import type { RegistryConfig } from './config.ts';
import type { Core } from './core.ts';
import { openHealthChecks } from './health-checks.ts';
import { createLeaseKeeper } from './leases.ts';
import { repeat } from './repeat.ts';

const SWEEPS_PER_LEASE = 6;
const SWEEP_INTERVAL_MAX_MS = 500;
const PRUNE_INTERVAL_MS = 60_000;
const CHANGES_AGE_MAX_MS = 10 * 60_000;
const DUTY_SLACK_MS = 500; // a registry that dies loses its duties this soon after a missed turn

/**
 * Opens what runs beside the calls: leases, whose end is told, health checks, and the forgetting
 * of changes.
 */
export function openKeepers(
  core: Core,
  config: RegistryConfig,
  onLeaseExpired: () => void,
): AsyncDisposable {
  const { store, clock, log } = core;
  const holder = core.newId();
  const keepers = new AsyncDisposableStack();
  keepers.defer(() => store.releaseDuties(holder).catch(() => {}));

  const leases = createLeaseKeeper(core, onLeaseExpired);
  const sweepIntervalMs = Math.min(config.leaseMs / SWEEPS_PER_LEASE, SWEEP_INTERVAL_MAX_MS);
  keepers.use(repeat('leases', sweepIntervalMs, leases.sweep, log));

  const dutyMs = 2 * config.healthIntervalMs + DUTY_SLACK_MS;
  const health = keepers.use(openHealthChecks(core, config.healthIntervalMs));
  keepers.use(
    repeat(
      'health checks',
      config.healthIntervalMs,
      async () => {
        const nowMs = clock.wallMs();
        if (await store.holdDuty('health', holder, nowMs, nowMs + dutyMs)) await health.check();
      },
      log,
    ),
  );

  const prune = () => store.pruneChanges(config.changesKept, clock.wallMs() - CHANGES_AGE_MAX_MS);
  keepers.use(repeat('changes', PRUNE_INTERVAL_MS, prune, log));
  return keepers;
}
