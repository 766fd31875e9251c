import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { createClient, type Transport } from '@connectrpc/connect';
import { EventLogService } from '@weir/sdk/gen/weir/events/v1/log_pb';

/** How long a router has the duty to watch a provider, unless it keeps it. */
export const LEASE_MS = 10_000;
/** How long the registry may take to answer. */
const ANSWER_MAX_MS = 2_000;

/** A provider, of all its versions. */
export interface WatchName {
  readonly tenant: string;
  readonly provider: string;
}

/** How far a provider was read. */
export interface Place {
  /** Names what began without a cursor. */
  readonly run: string;
  readonly cursor: string;
}

/** Whether a duty is this router's; otherwise when the lease of the one that has it is over. */
export type Held =
  | { readonly held: true; readonly place: Place | undefined }
  | { readonly held: false; readonly freeAfterMs: number };

/** The duties to watch providers, which routers share by the registry. */
export interface Duties {
  /** Takes or keeps duties, and gives up all others. Answers in the order of the names. */
  hold(names: readonly WatchName[], signal: AbortSignal): Promise<readonly Held[]>;
  /** Notes how far a provider was read; false: another router has the duty. */
  move(watch: WatchName, place: Place, signal: AbortSignal): Promise<boolean>;
}

/** Opens the duties as a router that calls itself so, after each start otherwise. */
export function createDuties(transport: Transport, holder: string): Duties {
  const client = createClient(EventLogService, transport);
  const lease = durationFromMs(LEASE_MS);
  const call = { timeoutMs: ANSWER_MAX_MS };
  return {
    async hold(names, signal) {
      const request = { holder, lease, watches: [...names] };
      const { watches } = await client.holdWatches(request, { ...call, signal });
      return names.map((_, index): Held => {
        const { held = false, place, freeAfter } = watches[index] ?? {};
        if (held) return { held, place };
        return { held, freeAfterMs: freeAfter ? durationMs(freeAfter) : LEASE_MS };
      });
    },
    async move(watch, place, signal) {
      const { held } = await client.moveWatch({ watch, holder, place }, { ...call, signal });
      return held;
    },
  };
}
