import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { emptySnapshot, type Snapshot } from './snapshot.ts';

/** Holds the snapshot in force, and how fresh it is. */
export interface SnapshotHolder {
  readonly current: Snapshot;
  /** Milliseconds since the registry last confirmed the snapshot; Infinity without one. */
  ageMs(): number;
  /** Puts a snapshot in force; `ageMs` says how old its confirmation is. */
  replace(snapshot: Snapshot, ageMs: number): void;
  /** The registry confirmed the snapshot in force just now. */
  confirm(): void;
  /** Calls the listener after each change and confirmation, until what is returned is disposed of. */
  onChange(listener: () => void): Disposable;
  /** Resolves when the snapshot is at least at a revision of the epoch. */
  reach(target: { epoch: string; revision: bigint }, signal: AbortSignal): Promise<void>;
}

const BEHIND_RETRY_MS = 200;

/** Makes a holder that has no snapshot yet. */
export function createSnapshotHolder(clock: Clock): SnapshotHolder {
  let current = emptySnapshot;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  const waiting = new Set<() => void>();
  const listeners = new Set<() => void>();

  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const reached = ({ epoch, revision }: { epoch: string; revision: bigint }): boolean => {
    if (current.epoch !== '' && epoch !== current.epoch) {
      throw refuse(
        Reason.INVALID_CONSISTENCY_TOKEN,
        'the consistency token is from another installation, or from before a restore; leave it out',
      );
    }
    return current.epoch !== '' && current.revision >= revision;
  };

  return {
    get current() {
      return current;
    },
    ageMs: () => clock.monotonicMs() - confirmedAtMs,
    replace(snapshot, ageMs) {
      current = snapshot;
      confirmedAtMs = clock.monotonicMs() - ageMs;
      for (const wake of [...waiting]) wake();
      tell();
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    confirm() {
      confirmedAtMs = clock.monotonicMs();
      tell();
    },
    async reach(target, signal) {
      while (!reached(target)) {
        if (signal.aborted) {
          throw refuse(
            Reason.SNAPSHOT_BEHIND,
            `this router is at revision ${current.revision}, the token asks for ${target.revision}`,
            { retryDelayMs: BEHIND_RETRY_MS },
          );
        }
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          waiting.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
    },
  };
}
