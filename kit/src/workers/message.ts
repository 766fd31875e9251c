import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RefuseOptions } from '../errors.ts';

/** What a thread is told at its start. */
export interface ThreadData {
  /** The URL of the module that does the jobs. */
  readonly entry: string;
  /** The largest heap that a job begins with, of which most is garbage of earlier ones. */
  readonly leftOverMaxBytes: number;
}

/** What goes to a thread. */
export interface JobMessage {
  readonly id: number;
  readonly job: unknown;
}

/** What a thread says when it has a job in hand. */
export interface JobBegun {
  readonly begun: number;
  readonly threadId: number;
}

/** What comes back. A refusal crosses in parts, for a copied error is no WeirError any more. */
export type JobAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'stack' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | {
      readonly kind: 'refused';
      readonly reason: Reason;
      readonly text: string;
      readonly more: Omit<RefuseOptions, 'cause'>;
    };
