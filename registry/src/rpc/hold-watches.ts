import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type HoldWatchesRequest,
  HoldWatchesResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import { WATCHES_MAX, type WatchDuties } from '../events/watches.ts';
import { requireService } from '../gate.ts';

/** HoldWatches: gives a router the duty to watch providers, where no other has it. */
export function holdWatches(duties: WatchDuties, clock: Clock) {
  return async ({ holder, lease, watches: names }: HoldWatchesRequest, context: HandlerContext) => {
    requireService(context);
    if (names.length > WATCHES_MAX) {
      const text = `watches has ${names.length} entries; at most ${WATCHES_MAX}: watch fewer`;
      throw refuse(Reason.BATCH_TOO_LARGE, text);
    }
    const nowMs = clock.wallMs();
    const expireMs = nowMs + (lease ? durationMs(lease) : 0);
    const answers = await duties.hold(names, { holder, nowMs, expireMs });
    const watches = answers.map((one) => {
      if (!one.held) return { freeAfter: durationFromMs(Math.max(0, one.expireMs - nowMs)) };
      return { held: true, ...(one.place.run !== '' && { place: one.place }) };
    });
    return create(HoldWatchesResponseSchema, { watches });
  };
}
