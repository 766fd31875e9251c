import type { Logger } from '@weir/kit';
import { clearAside, markAside } from './aside.ts';
import type { OldChain } from './recovery/recover.ts';
import type { KeptChain } from './retention.ts';
import type { ShippedChain } from './ship/chain-shipper.ts';

/** A chain of an earlier start, until it is shipped and deleted. */
export interface LeftChain {
  readonly kept: KeptChain;
  /** To be shipped; `confirmed` is told what the registry holds. */
  shipped(confirmed: (position: number) => void): Omit<ShippedChain, 'previousGone'>;
  /** Whether the registry has all of it. */
  readonly isShipped: boolean;
}

/** Keeps what is left of a chain. */
export function keepChain(
  { chain, folder, segments, isAside: wasAside }: OldChain,
  { log, wallMs }: { readonly log: Logger; readonly wallMs: () => number },
): LeftChain {
  let left = segments;
  let isShipped = false;
  let isAside = wasAside;
  const end = segments.at(-1)?.end ?? 0;
  const failed = (error: unknown) => log.error({ err: error, folder }, 'a chain cannot be marked');
  const forget = (path: string) => {
    left = left.filter((one) => one.path !== path);
  };
  return {
    kept: { segments: () => left, forget, isApart: () => isAside },
    shipped: (confirmed) => ({
      ...{ chain, segments: () => left, end: () => end, forget },
      confirmed(position) {
        isShipped = position === Number.POSITIVE_INFINITY;
        confirmed(position);
        if (!isShipped || !isAside) return;
        isAside = false;
        void clearAside(folder).catch(failed);
      },
      async setAside(why) {
        isAside = true;
        // Whatever the registry said it holds: it is evidence now.
        confirmed(0);
        await markAside(folder, why, wallMs()).catch(failed);
      },
    }),
    get isShipped() {
      return isShipped;
    },
  };
}
