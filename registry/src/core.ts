import type { Clock, ConsistencyTokens, Logger, OutboundGuard } from '@weir/kit';
import type { Checks } from './checks/checks.ts';
import type { Store, Written } from './store/store.ts';

/** What the RPCs and the keepers of leases work with. */
export interface Core {
  readonly store: Store;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokens: ConsistencyTokens;
  /** The way to addresses that users set. */
  readonly outbound: OutboundGuard;
  /** How long a lease lasts. */
  readonly leaseMs: number;
  /** A new random id, 16 characters of 0-9 and a-f. */
  newId(): string;
}

/** The consistency token of a write. */
export function tokenOf(core: Core, written: Written<unknown>): string {
  return core.tokens.mint({ epoch: written.epoch, revision: written.revision });
}
