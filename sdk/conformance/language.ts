import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startConsumer } from './driver.ts';
import { openStage, type Stage } from './play.ts';
import type { Scenario } from './scenario.ts';
import { startWeir } from './weir.ts';

const sdkFolder = join(import.meta.dirname, '..');

/** The exit code of a build whose tools are missing (EX_UNAVAILABLE of sysexits.h). */
const TOOLS_MISSING = 69;
/** How long a build, or the tests of one language, may take, in milliseconds. */
const RUN_MAX_MS = 20 * 60_000;

/** How one language did. */
export interface Score {
  readonly language: string;
  readonly passed: number;
  /** What failed, a sentence each. */
  readonly failures: readonly string[];
  /** Why nothing was run. */
  readonly missing?: string;
}

/** The languages that have an SDK: the folders with a driver. */
export function languages(): string[] {
  const folders = readdirSync(sdkFolder, { withFileTypes: true });
  return folders
    .filter((each) => each.isDirectory() && existsSync(join(sdkFolder, each.name, 'bin/driver')))
    .map(({ name }) => name)
    .sort();
}

/** How scenarios are played. */
interface PlayOptions {
  /** How often one is tried before it has failed. */
  readonly tries: number;
  /** Told how each went. */
  readonly tell: (text: string) => void;
}

/** Builds the SDK of a language, plays the scenarios with it, and runs its own tests and its quick start. */
export async function examine(
  language: string,
  scenarios: readonly Scenario[],
  options: PlayOptions,
): Promise<Score> {
  const built = await run(language, 'build');
  if (built.code === TOOLS_MISSING) {
    return { language, passed: 0, failures: [], missing: lastLine(built.errors) };
  }
  if (built.code !== 0) {
    return { language, passed: 0, failures: [`build: ${built.output}${built.errors}`] };
  }
  const played = await playAll(language, scenarios, options);
  const own = await ownTests(language);
  const started = await quickStart(language);
  const all = [played, own, started];
  return {
    language,
    passed: all.reduce((sum, each) => sum + each.passed, 0),
    failures: all.flatMap(({ failures }) => failures),
  };
}

interface Part {
  readonly passed: number;
  readonly failures: readonly string[];
}

/** Plays the scenarios, one after the other. */
async function playAll(
  language: string,
  scenarios: readonly Scenario[],
  { tries, tell }: PlayOptions,
): Promise<Part> {
  await using weir = await startWeir();
  const failures: string[] = [];
  let stage = await openStage(language, weir);
  try {
    for (const scenario of scenarios) {
      let fault = await told(stage, { language, scenario, tell });
      for (let tried = 1; fault !== undefined && tried < tries; tried++) {
        // It may have left its drivers anywhere.
        await stage[Symbol.asyncDispose]();
        stage = await openStage(language, weir);
        fault = await told(stage, { language, scenario, tell });
        if (fault === undefined) {
          process.stdout.write(`only the second try passed: ${language}: ${scenario.name}\n`);
        }
      }
      if (fault !== undefined) failures.push(`${scenario.name}: ${fault}`);
    }
  } finally {
    await stage[Symbol.asyncDispose]();
  }
  return { passed: scenarios.length - failures.length, failures };
}

interface Telling {
  readonly language: string;
  readonly scenario: Scenario;
  readonly tell: PlayOptions['tell'];
}

/** Plays a scenario and tells how it went; answers with what was wrong. */
async function told(
  stage: Stage,
  { language, scenario, tell }: Telling,
): Promise<string | undefined> {
  const began = performance.now();
  const fault = await stage.play(scenario).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  tell(`${fault === undefined ? 'ok  ' : 'FAIL'} ${language}: ${scenario.name} (${seconds} s)`);
  return fault;
}

/** Runs the tests that the SDK brings itself; the last line that they write counts them. */
async function ownTests(language: string): Promise<Part> {
  const { code, output, errors } = await run(language, 'test');
  const [, passed = '0', failed = '0'] = /^(\d+) passed, (\d+) failed/m.exec(output) ?? [];
  const isCounted = Number(passed) > 0;
  if (code === 0 && isCounted && failed === '0') return { passed: Number(passed), failures: [] };
  return { passed: Number(passed), failures: [`its own tests: ${output}${errors}`] };
}

/** Runs the two programs of the README as a newcomer does: the second prints what the first offers. */
async function quickStart(language: string): Promise<Part> {
  await using weir = await startWeir();
  const env = { WEIR_URL: weir.url, WEIR_KEY: weir.key };
  const stop = new AbortController();
  const provider = run(language, 'quickstart', { args: ['provider'], env, signal: stop.signal });
  try {
    await untilOffered(language, weir, 'Ticket/1');
    const { code, output, errors } = await run(language, 'quickstart', { args: ['consumer'], env });
    if (code === 0 && output.includes('Printer on fire')) return { passed: 1, failures: [] };
    return { passed: 0, failures: [`its quick start, ${code}: ${output}${errors}`] };
  } catch (error) {
    stop.abort();
    const { output, errors } = await provider;
    return { passed: 0, failures: [`its quick start: ${String(error)}: ${output}${errors}`] };
  } finally {
    stop.abort();
    await provider;
  }
}

/** Waits until an item can be had. */
async function untilOffered(
  language: string,
  { url, key }: { readonly url: string; readonly key: string },
  ref: string,
): Promise<void> {
  await using consumer = startConsumer(language, { url, key });
  const end = performance.now() + 120_000;
  for (;;) {
    const answer = await consumer.do({ do: 'fetch', refs: [ref] }).answer;
    const [outcome] = 'result' in answer ? (answer.result as { ok: boolean; text?: string }[]) : [];
    if (outcome?.ok) return;
    if (performance.now() > end) throw new Error(`${ref} is not there: ${outcome?.text ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Runs a program of a language's folder, and tells how it ended. */
async function run(
  language: string,
  program: string,
  { args = [], env = {}, signal }: RunOptions = {},
): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn(join(sdkFolder, language, 'bin', program), args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MAX_MS,
    // What it starts in turn ends with it.
    detached: true,
  });
  const stop = (): void => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal?.addEventListener('abort', stop, { once: true });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, output, errors }));
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
