import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './calls.ts';
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts';
import type { Judgement } from './judge.ts';

/** Who uses the connections. */
export interface PoolEvents {
  ended(call: Call, judgement: Judgement, nowMs: number): void;
  /** Calls may be begun on this connection; it is flushed afterwards. */
  turn(connection: Connection): void;
}

/** What a pool needs. */
export interface PoolOptions extends Omit<ConnectionOptions, 'events'> {
  readonly connections: number;
  /** Calls that a closed loop keeps under way, over all connections; 0: an open loop. */
  readonly concurrency: number;
  readonly events: PoolEvents;
}

/** Before it tries again to open a connection in the place of a lost one. */
const reopenMs = 100;

/** Opens all connections. Throws when one of them cannot be opened. */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const pool = new Pool(options);
  try {
    await pool.open();
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
  return pool;
}

/** Connections to one peer: one that is lost, or wants no more calls, is replaced. */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  /** Those that take calls. */
  readonly #usable: Connection[] = [];
  /** Those too whose calls still end. */
  readonly #all = new Set<Connection>();
  readonly #disposed = new AbortController();
  #turn = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { connections, concurrency } = this.#options;
    const shares = Array.from({ length: connections }, (_, index) =>
      Math.floor((concurrency + index) / connections),
    );
    await Promise.all(shares.map((share) => this.#openOne(share)));
  }

  /** The one with the fewest calls under way, by turns among equals; undefined: none takes more. */
  leastLoaded(): Connection | undefined {
    const usable = this.#usable;
    this.#turn = (this.#turn + 1) % Math.max(usable.length, 1);
    let least: Connection | undefined;
    for (let i = 0; i < usable.length; i++) {
      const connection = usable[(this.#turn + i) % usable.length] as Connection;
      if (connection.hasRoom && (least === undefined || connection.active < least.active)) {
        least = connection;
      }
    }
    return least;
  }

  /** Lets calls be begun on each of them. */
  turn(): void {
    for (const connection of this.#usable) {
      this.#options.events.turn(connection);
      connection.flush();
    }
  }

  flush(): void {
    for (const connection of this.#usable) connection.flush();
  }

  /** Gives up the calls that were to be sent before this. */
  expire(beforeMs: number): void {
    for (const connection of this.#all) {
      if (connection.closed) this.#all.delete(connection);
      else connection.expire(beforeMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await Promise.all(Array.from(this.#all, (connection) => connection.close()));
  }

  async #openOne(share: number): Promise<void> {
    const { events, ...options } = this.#options;
    const connection = await openConnection({
      ...options,
      events: {
        ended: (call, judgement, nowMs) => events.ended(call, judgement, nowMs),
        turn: (connection) => events.turn(connection),
        left: (left) => {
          if (this.#usable.includes(left)) void this.#replace(left);
        },
      },
    });
    connection.share = share;
    if (connection.leaving) throw new Error('a connection was closed at once');
    this.#all.add(connection);
    if (this.#disposed.signal.aborted) await connection.close();
    else this.#usable.push(connection);
  }

  async #replace(left: Connection): Promise<void> {
    this.#usable.splice(this.#usable.indexOf(left), 1);
    while (!this.#disposed.signal.aborted) {
      try {
        await this.#openOne(left.share);
        return this.turn();
      } catch {
        await sleep(reopenMs);
      }
    }
  }
}
