import type { KeyObject } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AnchorHeadRequest,
  AnchorHeadRequestSchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { signCheckpoint } from './format/checkpoint.ts';
import type { ChainMark } from './writer/chain-encoder.ts';

/** The checkpoints of a chain that is being written. */
export interface Checkpoints {
  /** Signs one of what the chain is; returns the body of its entry, which comes next. */
  make(mark: ChainMark, timeMs: number): Uint8Array;
  /** Whether the last entry is one. */
  isAtEnd(mark: ChainMark): boolean;
  /** The newest one, once, when it is written; `mark` tells how far that is. */
  takeWritten(mark: ChainMark): AnchorHeadRequest | undefined;
  /** Forgets the newest: it was taken back. */
  drop(): void;
}

/** Makes the checkpoints of a chain, and keeps the newest until it is written. */
export function createCheckpoints(chain: string, privateKey: KeyObject): Checkpoints {
  let made: { readonly head: AnchorHeadRequest; readonly position: number } | undefined;
  let last = -1;
  return {
    make({ position, head: text }, timeMs) {
      const head = Buffer.from(text, 'binary');
      const signature = signCheckpoint({ chain, length: position, head, timeMs }, privateKey);
      const length = BigInt(position);
      const time = timestampFromMs(timeMs);
      const said = create(AnchorHeadRequestSchema, { chain, length, head, signature, time });
      made = { head: said, position };
      last = position;
      return toBinary(AnchorHeadRequestSchema, said);
    },
    isAtEnd: ({ position }) => position === last + 1,
    takeWritten({ position }) {
      if (made === undefined || made.position >= position) return undefined;
      const { head } = made;
      made = undefined;
      return head;
    },
    drop() {
      made = undefined;
      last = -1;
    },
  };
}
