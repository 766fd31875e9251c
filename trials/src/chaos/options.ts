import { parseArgs } from 'node:util';
import { type Plant, plants } from './source.ts';

/** What the command line asks for. */
export interface Asked {
  readonly minutes: number;
  readonly seed: number;
  readonly registries: number;
  readonly plant?: Plant;
  /** The file that the record goes to. */
  readonly record?: string;
  /** Whether the folder with the logs of the parts stays. */
  readonly keep: boolean;
}

/** The command line is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MINUTES_MAX = 24 * 60;
const SEED_MAX = 2 ** 31 - 1;
const REGISTRIES_MAX = 3;

export const usage = `usage: npm run chaos -- fetch [options]
  --minutes N       how long things break, such as 1 or 0.2 (default 1)
  --seed N          which faults come when (default: a random one, which is printed)
  --registries N    1 to ${REGISTRIES_MAX} (default 2)
  --plant KIND      plant a fault that must be counted: ${plants.join(', ')}
  --record FILE     write all that happened, as JSON
  --keep            keep the folder with the logs of all parts`;

/** Reads the command line. Throws UsageError. */
export function readOptions(args: readonly string[]): Asked {
  const { values, positionals } = parse(args);
  if (positionals.join(' ') !== 'fetch') {
    throw new UsageError(`there is one trial, fetch; asked for was "${positionals.join(' ')}"`);
  }
  const plant = plants.find((known) => known === values.plant);
  if (values.plant !== undefined && plant === undefined) {
    throw new UsageError(`--plant ${values.plant} is none of ${plants.join(', ')}`);
  }
  return {
    minutes: number('minutes', values.minutes ?? '1', { min: 0.05, max: MINUTES_MAX }),
    seed: integer('seed', values.seed ?? String(Math.floor(Math.random() * 1e6)), SEED_MAX),
    registries: integer('registries', values.registries ?? '2', REGISTRIES_MAX, 1),
    keep: values.keep ?? false,
    ...(plant && { plant }),
    ...(values.record !== undefined && { record: values.record }),
  };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const options = {
      ...{ minutes: text, seed: text, registries: text, plant: text, record: text },
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
