import { parseArgs } from 'node:util';
import { type EventPlant, eventPlants } from './events/subscriber.ts';
import { type Plant, plants } from './source.ts';

/** What the command line asks for: a trial of fetching, or one of events. */
export type Asked = AskedFetch | AskedEvents;

interface AskedTrial {
  readonly minutes: number;
  readonly seed: number;
  readonly registries: number;
  /** Whether the folder with the logs of the parts stays. */
  readonly keep: boolean;
}

/** A trial of fetching and registering. */
export interface AskedFetch extends AskedTrial {
  readonly trial: 'fetch';
  readonly plant?: Plant;
  /** The file that the record goes to. */
  readonly record?: string;
}

/** A trial of publishing and subscribing. */
export interface AskedEvents extends AskedTrial {
  readonly trial: 'events';
  readonly plant?: EventPlant;
  /** How many events are published. */
  readonly events: number;
}

/** The command line is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MINUTES_MAX = 24 * 60;
const SEED_MAX = 2 ** 31 - 1;
const REGISTRIES_MAX = 3;
const EVENTS_PER_MINUTE = 10_000;
const EVENTS_MAX = 100_000_000;

export const usage = `usage: npm run chaos -- fetch [options], or events [options]
  --minutes N       how long things break, such as 1 or 0.2 (default 1)
  --seed N          which faults come when (default: a random one, which is printed)
  --registries N    1 to ${REGISTRIES_MAX} (default 2)
  --plant KIND      plant a fault that must be counted: ${plants.join(', ')};
                    of events: ${eventPlants.join(', ')}
  --events N        how many events are published (default: ${EVENTS_PER_MINUTE} a minute); of events
  --record FILE     write all that happened, as JSON; of fetch
  --keep            keep the folder with the logs of all parts`;

/** Reads the command line. Throws UsageError. */
export function readOptions(args: readonly string[]): Asked {
  const { values, positionals } = parse(args);
  const trial = positionals.join(' ');
  const minutes = number('minutes', values.minutes ?? '1', { min: 0.05, max: MINUTES_MAX });
  const asked = {
    minutes,
    seed: integer('seed', values.seed ?? String(Math.floor(Math.random() * 1e6)), SEED_MAX),
    registries: integer('registries', values.registries ?? '2', REGISTRIES_MAX, 1),
    keep: values.keep ?? false,
  };
  const { record, events } = values;
  if (trial === 'fetch') {
    if (events !== undefined) throw new UsageError('--events belongs to the trial events');
    const plant = plantOf(values.plant, plants);
    return { trial, ...asked, ...(plant && { plant }), ...(record !== undefined && { record }) };
  }
  if (trial === 'events') {
    if (record !== undefined) throw new UsageError('--record belongs to the trial fetch');
    const plant = plantOf(values.plant, eventPlants);
    const count = events ?? String(Math.ceil(minutes * EVENTS_PER_MINUTE));
    return {
      trial,
      ...asked,
      ...(plant && { plant }),
      events: integer('events', count, EVENTS_MAX, 1),
    };
  }
  throw new UsageError(`there are the trials fetch and events; asked for was "${trial}"`);
}

function plantOf<Kind extends string>(
  given: string | undefined,
  known: readonly Kind[],
): Kind | undefined {
  const plant = known.find((one) => one === given);
  if (given === undefined || plant !== undefined) return plant;
  throw new UsageError(`--plant ${given} is none of ${known.join(', ')}`);
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const options = {
      ...{ minutes: text, seed: text, registries: text, plant: text, record: text, events: text },
      keep: { type: 'boolean' },
    } as const;
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function integer(name: string, text: string, max: number, min = 0): number {
  const value = number(name, text, { min, max });
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name} ${text} is not a whole number`);
}

function number(name: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name} ${text} is not a number from ${min} to ${max}`);
}
