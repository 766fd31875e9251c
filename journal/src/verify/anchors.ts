import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { AnchorHeadRequest } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { verifyCheckpoint } from '../format/checkpoint.ts';
import { bufferOf } from '../format/header.ts';

/** Whether the signature of an anchor, or of what a checkpoint says, is right. */
export function isSignedBy(publicKey: Uint8Array, said: AnchorHeadRequest): boolean {
  const { chain, head, signature } = said;
  const length = Number(said.length);
  const timeMs = anchorMs(said);
  if (!Number.isSafeInteger(length) || !(timeMs >= 0)) return false;
  return verifyCheckpoint({ chain, length, head, timeMs }, publicKey, signature);
}

/** When a head was anchored; NaN: that is not told. */
export function anchorMs({ time }: AnchorHeadRequest): number {
  return time ? timestampMs(time) : Number.NaN;
}

/** The anchors of one chain, as they are met on the way through it. */
export interface Anchors {
  /** Takes in an anchor. A text: what is wrong with it. */
  add(anchor: AnchorHeadRequest, at: Reached): string | undefined;
  /** The chain has reached a length. A text: what is wrong with the anchor of that length. */
  reached(at: Reached): string | undefined;
  /** How many were met. */
  readonly met: number;
  /** Those of which the chain is too short. */
  unmet(): readonly AnchorHeadRequest[];
}

/** How far a chain is. */
export interface Reached {
  readonly length: number;
  readonly head: Uint8Array;
}

/** Begins without anchors. */
export function createAnchors(): Anchors {
  const waiting = new Map<number, AnchorHeadRequest>();
  let met = 0;

  const compare = (anchor: AnchorHeadRequest, { length, head }: Reached): string | undefined => {
    met += 1;
    if (bufferOf(head).equals(anchor.head)) return undefined;
    return `the registry was told another head of the first ${length} entries than they have`;
  };

  return {
    add(anchor, at) {
      const length = Number(anchor.length);
      if (length === at.length) return compare(anchor, at);
      if (length < at.length) return 'an anchor came after the entries that it stands for';
      const other = waiting.get(length);
      if (other && !bufferOf(other.head).equals(anchor.head)) {
        return `two anchors tell different heads of the first ${length} entries`;
      }
      waiting.set(length, anchor);
      return undefined;
    },
    reached(at) {
      const anchor = waiting.get(at.length);
      if (anchor === undefined) return undefined;
      waiting.delete(at.length);
      return compare(anchor, at);
    },
    get met() {
      return met;
    },
    unmet: () => [...waiting.values()],
  };
}
