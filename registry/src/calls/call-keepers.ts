import type { Core } from '../core.ts';
import { repeat } from '../repeat.ts';
import type { CallStore } from './call-store.ts';

const INTERVAL_MS = 60_000;
const DUTY_MS = 2 * INTERVAL_MS;
/** In one transaction. */
const ONCE_MAX = 5_000;

/** Opens what forgets old calls of tools. */
export function openCallKeepers(core: Core, store: CallStore, keptMs: number): AsyncDisposable {
  const { clock, log } = core;
  const holder = core.newId();
  const keepers = new AsyncDisposableStack();
  keepers.defer(() => core.store.releaseDuties(holder).catch(() => {}));
  const forget = async () => {
    const nowMs = clock.wallMs();
    if (!(await core.store.holdDuty('calls', holder, nowMs, nowMs + DUTY_MS))) return;
    while ((await store.forget(nowMs - keptMs, ONCE_MAX)) === ONCE_MAX);
  };
  keepers.use(repeat('forgetting old calls', Math.min(INTERVAL_MS, keptMs), forget, log));
  return keepers;
}
