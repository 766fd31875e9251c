import type { EntryRange } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { AnchorHeadRequest, Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { FaultKind, Place } from '../format/fault.ts';
import type { CheckedEntry } from './chain-checker.ts';

/** What is read of a chain, in its order. */
export type ChainPart =
  /** Where entries begin or go on: as a segment says, or an export. */
  | {
      readonly kind: 'start';
      readonly first: number;
      /** The hash of the entry before; undefined: that is not told. */
      readonly head?: Uint8Array | undefined;
      /** Whether what lies before it was removed by whoever may; otherwise `pruned` decides. */
      readonly isPruned?: boolean;
      readonly place?: Place | undefined;
    }
  | ({ readonly kind: 'entry' } & CheckedEntry)
  | { readonly kind: 'anchor'; readonly anchor: AnchorHeadRequest }
  | { readonly kind: 'note'; readonly text: string }
  /** Bodies that were dropped by whoever may. */
  | { readonly kind: 'dropped'; readonly ranges: readonly EntryRange[] }
  /** Entries that are lost for good, as was noted by whoever may. */
  | {
      readonly kind: 'lost';
      readonly first: number;
      readonly count: number;
      /** The hash of the last of them. */
      readonly head: Uint8Array;
      /** When that was found (wall, ms). */
      readonly foundMs: number;
    }
  /** What cannot be read, or was found before. */
  | {
      readonly kind: 'bad';
      readonly fault: FaultKind;
      readonly text: string;
      /** Left out: the next entry. */
      readonly position?: number;
      readonly place?: Place | undefined;
    };

/** A chain, as a source has it. */
export interface ChainSource {
  readonly id: string;
  /** What the source says of it, if anything. */
  readonly chain: Chain | undefined;
  readonly parts: AsyncIterable<ChainPart>;
}
