import { setTimeout as sleep } from 'node:timers/promises';
import { type DeliveredEvent, Reason, type Weir, WeirCallError } from '@weir/sdk';
import type { Random } from '../random.ts';
import type { Refused } from '../record.ts';
import { refusedCall } from '../refused.ts';
import { createLedger, type Heard, type Ledger } from './ledger.ts';

/** A fault to plant in what a subscriber takes in: an event is left out, or comes after a later one. */
export type EventPlant = 'lost' | 'reordered';
export const eventPlants: readonly EventPlant[] = ['lost', 'reordered'];

/** A subscriber that is under way. */
export interface Subscriber {
  readonly name: string;
  /** What its loop was told. */
  readonly ledger: Ledger;
  /** How many events came to the SDK, those included that it leaves out since it had them. */
  readonly received: number;
  /** How often its process ended, so to speak, and went on from the cursor that it had stored. */
  readonly restarts: number;
  /** Why it broke off; the SDK went on by itself. */
  readonly breaks: readonly Refused[];
  /** What its loop threw. */
  readonly thrown: readonly Refused[];
  /** Whether it was told where it is. */
  readonly hasBegun: boolean;
  /** Resolves when the signal ended it. */
  readonly done: Promise<void>;
}

/** What to subscribe to, and how. */
export interface SubscriberTask {
  readonly name: string;
  readonly topic: string;
  readonly random: Random;
  readonly plant?: EventPlant | undefined;
  readonly signal: AbortSignal;
}

const RESTART_AFTER = { from: 50, to: 1_500 } as const;
const PAUSE_MS = 100;

/** Subscribes; leaves now and then in the middle of a message, and goes on from the event's cursor. */
export function subscribe(weir: Weir, task: SubscriberTask): Subscriber {
  const ledger = createLedger();
  const take = planted(ledger, task.plant);
  const breaks: Refused[] = [];
  const thrown: Refused[] = [];
  const wire = countReceived(weir);
  let restarts = 0;
  let cursor = '';
  const { topic, random, signal } = task;
  const once = async () => {
    const leaveAfter = Math.ceil(random.between(RESTART_AFTER.from, RESTART_AFTER.to));
    let handled = 0;
    const options = {
      cursor,
      signal,
      onCursor: (next: string) => {
        cursor = next;
      },
      onBreak: (error: WeirCallError) => void breaks.push(refusedCall(error)),
    };
    for await (const event of weir.subscribe(topic, options)) {
      take(heardOf(event));
      handled += 1;
      if (event.cursor !== '') cursor = event.cursor;
      if (handled < leaveAfter) continue;
      restarts += 1;
      return;
    }
  };
  const run = async () => {
    while (!signal.aborted) {
      ledger.goOn();
      try {
        await once();
      } catch (error) {
        if (signal.aborted) return;
        thrown.push(refusedCall(error));
        // What came next is lost: the ledger says so.
        if (error instanceof WeirCallError && error.reason === Reason.CURSOR_TOO_OLD) cursor = '';
        await sleep(PAUSE_MS);
      }
    }
  };
  return {
    name: task.name,
    ledger,
    get received() {
      return wire.count;
    },
    get restarts() {
      return restarts;
    },
    get hasBegun() {
      return cursor !== '';
    },
    ...{ breaks, thrown },
    done: run(),
  };
}

function heardOf({ id, key, position }: DeliveredEvent): Heard {
  return { number: Number(id), key, position };
}

/** Counts what comes below the SDK's own loop, which leaves out what it has had. */
function countReceived({ events }: Weir): { readonly count: number } {
  const received = { count: 0 };
  const inner = events.subscribe;
  events.subscribe = async function* (request, options) {
    for await (const message of inner(request, options)) {
      received.count += message.events.length;
      yield message;
    }
  };
  return received;
}

const PLANTED_AT = 20;

function planted(ledger: Ledger, plant: EventPlant | undefined): (event: Heard) => void {
  let heard = 0;
  let held: Heard | undefined;
  return (event) => {
    heard += 1;
    if (heard === PLANTED_AT && plant !== undefined) {
      held = event;
      return;
    }
    // Again, after a restart: it stays lost.
    if (plant === 'lost' && held?.number === event.number) return;
    ledger.hear(event);
    if (plant !== 'reordered' || held?.key !== event.key) return;
    ledger.hear(held);
    held = undefined;
  };
}
