import type { HandlerContext } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from '../errors.ts';
import { originOf } from './addresses.ts';
import { peerKey } from './peer.ts';

/** Streams open at once that anybody may open: watches of health, and reflection. */
const openStreamsMax = 1_000;
/** Of them, from one address. */
export const openStreamsPerAddress = 100;
const retryMs = 5_000;

/** Creates a count of such streams, which take memory for as long as their callers like. */
export function createOpenStreams(): { enter(context: HandlerContext): void } {
  const counts = new Map<string, number>();
  let all = 0;
  return {
    /** Counts a stream until it ends. Throws OVERLOADED when there are too many. */
    enter({ values, signal }) {
      const origin = originOf(values.get(peerKey).address);
      const own = counts.get(origin) ?? 0;
      if (all >= openStreamsMax || own >= openStreamsPerAddress) throw tooMany();
      all += 1;
      counts.set(origin, own + 1);
      const leave = () => {
        all -= 1;
        const left = (counts.get(origin) ?? 1) - 1;
        if (left > 0) counts.set(origin, left);
        else counts.delete(origin);
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    },
  };
}

function tooMany() {
  const text = 'there are as many streams without a credential as there may be; call again later';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: retryMs });
}
