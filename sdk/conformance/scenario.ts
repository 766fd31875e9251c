import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** Something that a provider and a consumer do, and what has to come of it. */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** One step of a scenario: exactly one of the things below `do`, and what is expected of it. */
export interface Step {
  /** A command of the consumer, as the README has them: its name, and what goes with it. */
  readonly do?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  /** Names a command that is not waited for. */
  readonly as?: string;
  /** Waits for the command of that name. */
  readonly await?: string;
  /** What happens to the way between the consumer and Weir. */
  readonly way?: 'cut' | 'close' | 'open' | { readonly drop: number };
  /** Stops the provider, which has to end with code 0, or starts it; or starts another that is refused. */
  readonly provider?: 'stop' | 'start' | 'start-early' | 'registered' | { readonly key: string };
  /** Goes on with another consumer, until the scenario ends. */
  readonly consumer?: { readonly key?: string; readonly firstAddress?: 'dead' };
  /** Looks at what the provider registered. */
  readonly manifest?: true;
  /** Has Weir forget where the provider is. */
  readonly forget?: true;
  /** Waits for so many milliseconds. */
  readonly wait?: number;
  /** What comes of it; see match.ts. */
  readonly expect?: unknown;
  /** The error that it fails with. */
  readonly error?: unknown;
  /** Keeps parts of the result under names, for later: `{name}` in any text stands for them. */
  readonly keep?: Readonly<Record<string, string>>;
}

const known: ReadonlySet<string> = new Set([
  ...['do', 'with', 'as', 'await', 'way', 'provider', 'consumer', 'manifest', 'forget'],
  ...['wait', 'expect', 'error', 'keep'],
]);

/** Reads scenarios.yaml. Throws a TypeError that names the place of a fault. */
export function readScenarios(): Scenario[] {
  const file = join(import.meta.dirname, 'scenarios.yaml');
  const scenarios = parse(readFileSync(file, 'utf8')) as Scenario[];
  const names = new Set<string>();
  for (const { name, steps } of scenarios) {
    if (names.has(name)) throw new TypeError(`scenarios.yaml has "${name}" twice`);
    names.add(name);
    for (const [index, step] of steps.entries()) {
      const strange = Object.keys(step).find((key) => !known.has(key));
      if (strange === undefined) continue;
      throw new TypeError(`scenarios.yaml: "${name}", step ${index + 1} has ${strange}`);
    }
  }
  return scenarios;
}
