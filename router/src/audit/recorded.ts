import type { Caller } from '@weir/kit';
import type { ActionName, ItemFacts, Subject } from '@weir/policy';
import type { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** What is recorded of a call that was let in. No part of it may be a value or a credential. */
export interface RecordedCall {
  readonly requestId: string;
  readonly caller: Caller;
  /** Undefined: policies were not asked. */
  readonly subject?: Subject | undefined;
  /** As "<service>/<method>". */
  readonly method: string;
  /** Empty: not stated. */
  readonly purpose: string;
  /** Of the snapshot in force. */
  readonly revision: bigint;
  /** When it came: wall time and monotonic time in ms. */
  readonly startWallMs: number;
  readonly startMonotonicMs: number;
  /** The gRPC status code of the call; 0: it was answered. */
  readonly code: number;
  /** Why it was refused as a whole; UNSPECIFIED: it was not. */
  readonly reason: Reason;
  /** Which part of a stream this is; 0 for a unary call. */
  readonly part: number;
  /** What a call of the registry was about. */
  readonly target: string;
  readonly items: readonly RecordedItem[];
}

/** What is recorded of an item. */
export interface RecordedItem {
  /** Items of which nothing but this differs share it, as those of one batch mostly do: it is encoded once. */
  readonly kind: RecordedKind;
  readonly key: string;
  /** Given out. */
  readonly bytes: number;
}

/** What is recorded of an item beside its key and size. */
export interface RecordedKind {
  readonly action: ActionName;
  readonly type: string;
  /** Undefined: none was asked. */
  readonly provider?: RecordedProvider | undefined;
  readonly effect: 'allow' | 'deny';
  readonly rules: readonly string[];
  readonly redactions: readonly string[];
  /** Undefined: nothing is known of the item. */
  readonly facts?: ItemFacts | undefined;
  /** The gRPC status code of the item. */
  readonly code: number;
  /** The true reason. */
  readonly reason: Reason;
  readonly cache: CacheStatus;
  /** Whether there was an item of these facts to decide on. */
  readonly known: boolean;
}

/** The provider of an item. */
export interface RecordedProvider {
  /** Empty: the caller's own tenant. */
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
}

/** What is recorded of a call that nobody was let in for. */
export interface RefusedCall {
  readonly requestId: string;
  readonly method: string;
  /** The address that it came from, without a port. */
  readonly network: string;
  readonly startWallMs: number;
  readonly startMonotonicMs: number;
  readonly code: number;
  readonly reason: Reason;
}
