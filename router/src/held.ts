import type { Metrics } from '@weir/kit';
import { createRoom, type Room } from './room.ts';

/** What one tenant may hold of it all, so that its slow readers leave room for others. */
const TENANT_SHARE = 0.75;

/** What the process holds for answers under way: values that have come and are not sent. */
export interface HeldBytes {
  /** Bytes held for all calls. */
  readonly bytes: number;
  /** Begins to hold for one call of a tenant, up to `maxBytes` at once. */
  open(tenant: string, maxBytes: number): Holding;
}

/** What is held for one call. Disposing of it gives everything back. */
export interface Holding extends Disposable {
  /** Holds a value; or says whose bound it would pass: the call's or that of the whole process. */
  take(bytes: number): 'held' | 'call' | 'process';
  /** A value was sent. */
  giveBack(bytes: number): void;
}

/** Creates the account of what is held, of `maxBytes` at most over all calls. */
export function createHeldBytes(maxBytes: number, metrics?: Metrics): HeldBytes {
  let all = 0;
  const room = createRoom(maxBytes, TENANT_SHARE);
  metrics?.meter
    .createObservableGauge('weir_answers_held_bytes', {
      description: 'Bytes of values held for answers under way.',
    })
    .addCallback((result) => result.observe(all));
  const add = (bytes: number) => {
    all += bytes;
  };
  const account = { room, add };
  return {
    get bytes() {
      return all;
    },
    open: (tenant, callMaxBytes) => new CallHolding(account, tenant, callMaxBytes),
  };
}

/** What all holdings share. */
interface Account {
  readonly room: Room;
  add(bytes: number): void;
}

/** Of the hot path: there is one for each call. */
class CallHolding implements Holding {
  readonly #account: Account;
  readonly #tenant: string;
  readonly #maxBytes: number;
  #own = 0;
  #over = false;

  constructor(account: Account, tenant: string, maxBytes: number) {
    this.#account = account;
    this.#tenant = tenant;
    this.#maxBytes = maxBytes;
  }

  take(bytes: number): 'held' | 'call' | 'process' {
    // Values still come when the call is over.
    if (this.#over || this.#own + bytes > this.#maxBytes) return 'call';
    if (!this.#account.room.take(this.#tenant, bytes)) return 'process';
    this.#own += bytes;
    this.#account.add(bytes);
    return 'held';
  }

  giveBack(bytes: number): void {
    if (this.#over) return;
    this.#own -= bytes;
    this.#account.add(-bytes);
    this.#account.room.give(this.#tenant, bytes);
  }

  [Symbol.dispose](): void {
    this.giveBack(this.#own);
    this.#over = true;
  }
}
