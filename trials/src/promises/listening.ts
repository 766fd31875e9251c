import type { Weir } from '@weir/sdk';

/** A subscriber that notes what it is told, and when. */
export interface Listener {
  readonly heard: readonly HeardEvent[];
  /** The last cursor that came. */
  readonly cursor: string;
  /** When it broke off, and when it had a message again; NaN: it has not. */
  readonly breaks: readonly { readonly atMs: number; readonly againMs: number }[];
  /** Resolves with what the loop threw; undefined: the signal ended it. */
  readonly ended: Promise<unknown>;
}

/** An event that was heard. */
export interface HeardEvent {
  readonly id: string;
  readonly position: bigint;
  /** By `performance.now()`. */
  readonly atMs: number;
}

/** How to listen. */
export interface Listening {
  readonly topic: string;
  readonly from?: 'latest' | 'earliest';
  readonly cursor?: string;
  /** Reads nothing more after its first event until this resolves. */
  readonly hold?: Promise<void>;
  readonly signal: AbortSignal;
}

/** Subscribes, and notes all until the signal. */
export function listen(weir: Weir, { topic, hold, ...options }: Listening): Listener {
  const heard: HeardEvent[] = [];
  const breaks: { atMs: number; againMs: number }[] = [];
  let cursor = '';
  const isBack = () => {
    const last = breaks.at(-1);
    if (last && Number.isNaN(last.againMs)) last.againMs = performance.now();
  };
  const run = async (): Promise<unknown> => {
    try {
      const onCursor = (next: string) => {
        cursor = next;
        isBack();
      };
      const onBreak = () => {
        const last = breaks.at(-1);
        if (last === undefined || !Number.isNaN(last.againMs)) {
          breaks.push({ atMs: performance.now(), againMs: Number.NaN });
        }
      };
      for await (const { id, position } of weir.subscribe(topic, {
        ...options,
        onCursor,
        onBreak,
      })) {
        isBack();
        heard.push({ id, position, atMs: performance.now() });
        await hold;
      }
      return new Error('the subscription ended');
    } catch (error) {
      return options.signal.aborted ? undefined : error;
    }
  };
  return {
    heard,
    get cursor() {
      return cursor;
    },
    breaks,
    ended: run(),
  };
}
