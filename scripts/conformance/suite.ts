import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** A run of the official conformance suite of the Model Context Protocol. */
export interface SuiteRun {
  /** Which side of the protocol is looked at. */
  readonly side: 'server' | 'client';
  readonly revision: string;
  /** How the suite finds or begins it, such as `--url` and an address. */
  readonly target: readonly string[];
  /** Whether what the suite says is shown. */
  readonly isVerbose: boolean;
}

/** What came of a run. */
export interface SuiteOutcome {
  /** How many scenarios the revision requires. */
  readonly required: number;
  /** What was wrong, by required scenario; those that passed are not in it. */
  readonly failed: ReadonlyMap<string, readonly string[]>;
  /** How many others ran, and how many of them passed. */
  readonly more: { readonly ran: number; readonly passed: number };
}

/** What the suite wrote of each scenario. */
interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

const suite = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/conformance/dist/index.js',
);

/** Has the suite run all that a revision requires of a side. */
export async function runSuite({
  side,
  revision,
  target,
  isVerbose,
}: SuiteRun): Promise<SuiteOutcome> {
  const ran = await checksOf([side, ...target, '--requirements', revision], isVerbose);
  const required = requiredOf(side, revision);
  const failed = required.flatMap((scenario): [string, string[]][] => {
    const faults = faultsOf(ran.get(scenario));
    return faults.length > 0 ? [[scenario, faults]] : [];
  });
  const more = [...ran].filter(([scenario]) => !required.includes(scenario));
  const passed = more.filter(([, checks]) => faultsOf(checks).length === 0).length;
  return {
    required: required.length,
    failed: new Map(failed),
    more: { ran: more.length, passed },
  };
}

/** How a run went, and what was not expected of it. */
export interface Report {
  /** One line for the run, such as "server 2026-07-28: 37 of 37". */
  readonly text: string;
  /** What failed and should not, and what passed and was expected to fail. */
  readonly unexpected: readonly string[];
}

/** Holds an outcome to what is expected of the run of that name. */
export function reportOf(name: string, { required, failed, more }: SuiteOutcome): Report {
  const expected = Object.keys(expectedFailures()[name] ?? {});
  const faults = [...failed].filter(([scenario]) => !expected.includes(scenario));
  const passed = expected.filter((scenario) => !failed.has(scenario));
  const notes = [
    ...(expected.length > 0 ? [`${expected.length} are expected to fail`] : []),
    ...(more.ran > 0 ? [`${more.passed} of ${more.ran} that are not required`] : []),
  ];
  return {
    text: `${name}: ${required - failed.size} of ${required} (${notes.join('; ')})`,
    unexpected: [
      ...faults.map(([scenario, each]) => `${scenario}: ${each.join('; ')}`),
      ...passed.map((scenario) => `${scenario} passes: take it out of expected-failures.yaml`),
    ],
  };
}

/** Reasons by run and scenario. */
function expectedFailures(): Record<string, Record<string, string>> {
  return parse(readFileSync(new URL('expected-failures.yaml', import.meta.url), 'utf8')) ?? {};
}

/** Has the suite run, and reads what it wrote, by scenario. */
async function checksOf(args: readonly string[], isVerbose: boolean) {
  const results = await mkdtemp(join(tmpdir(), 'weir-conformance-'));
  try {
    const child = spawn(process.execPath, [suite, ...args, '-o', results], {
      stdio: isVerbose ? 'inherit' : 'ignore',
    });
    await new Promise((resolve) => child.once('close', resolve));
    const ran = new Map<string, Check[]>();
    // Names of scenarios may have slashes.
    for await (const file of glob('**/checks.json', { cwd: results })) {
      const [, scenario = file] = /^(?:server-)?(.*?)-\d{4}-\d\d-\d\dT/.exec(file) ?? [];
      ran.set(scenario, JSON.parse(await readFile(join(results, file), 'utf8')));
    }
    return ran;
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

/** The scenarios that a side has to pass. */
function requiredOf(side: SuiteRun['side'], revision: string): string[] {
  const text = readFileSync(join(dirname(suite), `../requirements/${revision}.yaml`), 'utf8');
  return (parse(text) as Record<SuiteRun['side'], string[]>)[side];
}

/** What a scenario found wrong; a check that only should hold counts as one that must. */
function faultsOf(checks: readonly Check[] | undefined): string[] {
  if (!checks) return ['it did not run'];
  const wrong = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  return wrong.map(({ id, errorMessage = '' }) => `${id}: ${errorMessage}`);
}
