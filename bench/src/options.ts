import { parseArgs } from 'node:util';
import {
  baselineNames,
  type LoadPlan,
  type ScenarioName,
  type SubjectName,
  scenarioNames,
  subjectNames,
} from './model.ts';
import { scenarioOf, short } from './scenarios.ts';

/** The command line is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A scenario to be run, and with whom. */
export interface AskedScenario {
  readonly name: ScenarioName;
  readonly subjects: readonly SubjectName[];
  /** All of the scenario's, or fewer. */
  readonly loads: readonly LoadPlan[];
}

/** Measure the subjects of the bench. */
export interface AskedSuite {
  readonly kind: 'suite';
  readonly scenarios: readonly AskedScenario[];
  readonly repetitions: number;
  /** Of one measurement. */
  readonly durationMs: number;
  /** Where results go, as JSON and as a page. */
  readonly out: string;
  readonly html: string;
  /** Whether scenarios that `out` has already are left out. */
  readonly resume: boolean;
  /** Whether latency is measured on the way to saturation too. */
  readonly sweep: boolean;
  /** Whether only errors and malformed results matter. */
  readonly smoke: boolean;
}

/** Measure a Weir that runs. */
export interface AskedUrl {
  readonly kind: 'url';
  readonly url: URL;
  readonly key: string;
  /** The file of what to fetch: one `Type/key` a line. */
  readonly refsFile: string;
  readonly batch: number;
  /** Calls a second. Absent: as many as it answers, and then half of that. */
  readonly rate: number | undefined;
  readonly repetitions: number;
  readonly durationMs: number;
  /** Where the results go, as JSON. Absent: they are only printed. */
  readonly out: string | undefined;
}

const defaults = {
  short: { repetitions: 3, seconds: 1.5 },
  full: { repetitions: 5, seconds: 3 },
  smoke: { repetitions: 1, seconds: 0.5 },
  url: { repetitions: 1, seconds: 10 },
  out: 'bench/results/latest.json',
  html: 'bench/results/latest.html',
  batch: 32,
} as const;
const smokeSubjects: readonly SubjectName[] = ['weir', 'node-http2'];
const repetitionsMax = 100;
const secondsMax = 3_600;
/** Of a batch, as Weir limits it. */
const batchMax = 256;
const rateMax = 1_000_000;

export const usage = `usage: npm run bench -- [options]
  without options the short suite: ${short.scenarios.join(', ')}
  with ${short.subjects.join(', ')}
  --full            all scenarios with all subjects, in under 45 minutes
  --scenario NAME   only this one; may be repeated
  --subject NAME    only with this one; may be repeated
  --repetitions N   of each measurement (default ${defaults.short.repetitions}; with --full ${defaults.full.repetitions})
  --duration S      seconds of each measurement (default ${defaults.short.seconds}; with --full ${defaults.full.seconds})
  --sweep           latency at 10 to 110 % of saturation too
  --out FILE        results as JSON (default ${defaults.out})
  --html FILE       results as a page (default ${defaults.html})
  --resume          go on with the scenarios that --out does not have yet
  --smoke           whether all of it works, in under 40 s; no time matters
a Weir that runs:
  --url URL         such as http://127.0.0.1:7070
  --key KEY         the key to call with; others on this machine can see it here; else WEIR_KEY
  --refs FILE       what to fetch, one Type/key a line
  --batch N         refs of a call (default ${defaults.batch})
  --rate R          calls a second (default: as many as are answered, then half of that)`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const optionTypes = {
  ...{ full: flag, resume: flag, sweep: flag, smoke: flag },
  scenario: { type: 'string', multiple: true },
  subject: { type: 'string', multiple: true },
  ...{ repetitions: text, duration: text, out: text, html: text },
  ...{ url: text, key: text, refs: text, batch: text, rate: text },
} as const;
type Values = ReturnType<typeof parse>;
/** What goes with a Weir that runs, and only with that. */
const urlOnly = ['key', 'refs', 'batch', 'rate'] as const;
const suiteOnly = ['full', 'resume', 'sweep', 'smoke', 'scenario', 'subject', 'html'] as const;

/** Reads the command line, and the key from the environment. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): AskedSuite | AskedUrl {
  const values = parse(args);
  return values.url === undefined
    ? suiteOf(values)
    : urlOf(values, { given: values.url, envKey: env.WEIR_KEY });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: optionTypes, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function suiteOf(values: Values): AskedSuite {
  refuseThose(values, urlOnly, 'goes with --url only');
  if (values.full && values.smoke) throw new UsageError('--full and --smoke exclude each other');
  const kind = values.full ? 'full' : values.smoke ? 'smoke' : 'short';
  return {
    kind: 'suite',
    scenarios: scenariosOf(values, kind),
    ...timesOf(values, defaults[kind]),
    out: values.out ?? defaults.out,
    html: values.html ?? defaults.html,
    resume: values.resume ?? false,
    sweep: values.sweep ?? false,
    smoke: values.smoke ?? false,
  };
}

function scenariosOf(values: Values, kind: 'full' | 'smoke' | 'short'): AskedScenario[] {
  const all = [...subjectNames, ...baselineNames];
  const named = oneOfEach('scenario', values.scenario ?? [], scenarioNames);
  const wanted = oneOfEach('subject', values.subject ?? [], all);
  const usual = kind === 'full' ? scenarioNames : short.scenarios;
  const names = named.length > 0 ? named : usual;
  // Who names a scenario wants it whole, unless subjects are named too.
  const suite = kind === 'smoke' ? smokeSubjects : short.subjects;
  const narrow: readonly SubjectName[] = kind === 'full' || named.length > 0 ? all : suite;
  const allowed = wanted.length > 0 ? wanted : kind === 'smoke' ? smokeSubjects : narrow;
  const asked = names.map((name) => {
    const { subjects, loads } = scenarioOf(name);
    return {
      name,
      subjects: subjects.filter((subject) => allowed.includes(subject)),
      // Whether a machine is up to a fixed rate is no question of errors.
      loads: kind === 'smoke' ? loads.filter((plan) => plan.kind !== 'fixed') : loads,
    };
  });
  const idle = wanted.find((subject) => asked.every(({ subjects }) => !subjects.includes(subject)));
  if (idle !== undefined) {
    throw new UsageError(`--subject ${idle} is in none of the scenarios ${names.join(', ')}`);
  }
  return asked.filter(({ subjects }) => subjects.length > 0);
}

function urlOf(
  values: Values,
  { given, envKey }: { given: string; envKey: string | undefined },
): AskedUrl {
  refuseThose(values, suiteOnly, 'does not go with --url');
  const url = URL.parse(given);
  if (url?.protocol !== 'http:') {
    throw new UsageError(`--url ${given} is not like http://127.0.0.1:7070; TLS is not measured`);
  }
  const { key = envKey, refs } = values;
  if (!key) throw new UsageError('--url needs --key, the key to call with, or WEIR_KEY');
  if (!refs) throw new UsageError('--url needs --refs, a file with one Type/key a line');
  const { rate, batch = String(defaults.batch) } = values;
  return {
    kind: 'url',
    ...{ url, key, refsFile: refs, out: values.out },
    batch: whole('batch', batch, batchMax),
    rate: rate === undefined ? undefined : number('rate', rate, { min: 1, max: rateMax }),
    ...timesOf(values, defaults.url),
  };
}

function timesOf(values: Values, usual: { repetitions: number; seconds: number }) {
  const { repetitions = String(usual.repetitions), duration = String(usual.seconds) } = values;
  return {
    repetitions: whole('repetitions', repetitions, repetitionsMax),
    durationMs: 1_000 * number('duration', duration, { min: 0.1, max: secondsMax }),
  };
}

function refuseThose(values: Values, names: readonly (keyof Values)[], why: string): void {
  const found = names.find((name) => values[name] !== undefined);
  if (found !== undefined) throw new UsageError(`--${found} ${why}`);
}

function oneOfEach<Name extends string>(
  option: string,
  given: readonly string[],
  known: readonly Name[],
): Name[] {
  return [...new Set(given)].map((name) => {
    const found = known.find((one) => one === name);
    if (found !== undefined) return found;
    throw new UsageError(`there is no ${option} ${name}; there are ${known.join(', ')}`);
  });
}

function whole(name: string, given: string, max: number): number {
  const value = number(name, given, { min: 1, max });
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name} ${given} is not a whole number`);
}

function number(name: string, given: string, { min, max }: { min: number; max: number }): number {
  const value = Number(given);
  if (given.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name} ${given} is not a number from ${min} to ${max}`);
}
