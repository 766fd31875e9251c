import type { Verdict } from './verdicts.ts';

/** A call under way. Objects are used again and again. */
export class Call {
  /** The number of its stream. */
  id = 0;
  /** By performance.now(). */
  intendedMs = 0;
  /** Whether its intended start lies in the measured time. */
  measured = false;
  /** Whether its time was up before its answer came. */
  lost = false;
  /** Headers before the message; undefined: none came yet. */
  head: Verdict | undefined = undefined;
  /** Bytes of DATA so far. */
  gotBytes = 0;
  /** The prefix of a gRPC message, as far as it came: the flags must be 0, then comes the length. */
  prefixFlags = 0;
  messageBytes = 0;
  /** The answer, when it is to be looked through. */
  kept: Uint8Array[] | undefined = undefined;

  begin(id: number, intendedMs: number): void {
    this.id = id;
    this.intendedMs = intendedMs;
    this.measured = false;
    this.lost = false;
    this.head = undefined;
    this.gotBytes = 0;
    this.prefixFlags = 0;
    this.messageBytes = 0;
    this.kept = undefined;
  }
}

const initialSlots = 1_024;

/** Calls by the numbers of their streams, which are odd and only rise: a ring that grows. */
export class CallTable {
  #slots: (Call | undefined)[] = Array.from({ length: initialSlots });
  #mask = initialSlots - 1;
  #nextId = 1;
  #oldestId = 1;

  /** The number of the next stream. */
  get nextId(): number {
    return this.#nextId;
  }

  get(id: number): Call | undefined {
    const call = this.#slots[(id >>> 1) & this.#mask];
    return call !== undefined && call.id === id ? call : undefined;
  }

  /** Adds the call of the next number. */
  add(call: Call): void {
    while (this.#slots[(call.id >>> 1) & this.#mask] !== undefined) this.#grow();
    this.#slots[(call.id >>> 1) & this.#mask] = call;
    this.#nextId = call.id + 2;
  }

  delete(id: number): void {
    this.#slots[(id >>> 1) & this.#mask] = undefined;
  }

  /** The one that was begun first, but for those that were passed over. */
  oldest(): Call | undefined {
    for (; this.#oldestId < this.#nextId; this.#oldestId += 2) {
      const call = this.get(this.#oldestId);
      if (call) return call;
    }
    return undefined;
  }

  /** Passes the oldest one over. */
  passOldest(): void {
    this.#oldestId += 2;
  }

  /** All of them with a number above this. */
  above(id: number): Call[] {
    return this.#slots.filter((call) => call !== undefined && call.id > id) as Call[];
  }

  #grow(): void {
    const calls = this.above(0);
    this.#slots = Array.from({ length: this.#slots.length * 2 });
    this.#mask = this.#slots.length - 1;
    for (const call of calls) this.#slots[(call.id >>> 1) & this.#mask] = call;
  }
}
