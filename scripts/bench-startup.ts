import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openNeighbours } from './startup/neighbours.ts';
import { type Marks, type Program, start } from './startup/start.ts';

// How soon Weir answers: from the spawn of the process until it takes connections, is ready, and has
// answered a FetchContext; beside a Node that does nothing. The first start has a new data directory,
// later ones that of the one before; "nothing kept" also has nothing that an installation prepares.

const { values } = parseArgs({
  options: {
    /** How often each is started; the median is printed, and the least and most in brackets. */
    repetitions: { type: 'string', default: '5' },
    /** Only the rows whose names hold this. */
    only: { type: 'string', default: '' },
  },
});
const REPETITIONS = Number(values.repetitions);
const COLUMNS = ['listening', 'ready', 'answered', 'told', 'cpuMs', 'rssMb'] as const;
const NAME_WIDTH = 34;
const CELL_WIDTH = 22;

const folder = await mkdtemp(join(tmpdir(), 'weir-startup-'));
try {
  const floorMs = median(await times(REPETITIONS, bareNode));
  const heads = [
    'ms',
    'listening',
    'ready',
    'first answer',
    'told',
    'processor',
    'RSS, MiB',
    'of bare node',
  ];
  console.log(row(heads));
  console.log(row(['bare node -e 0', '', '', floorMs.toFixed(0), '', '', '', '1.0']));
  for (const [name, subject] of Object.entries(subjects())) {
    if (!name.includes(values.only)) continue;
    const marks = await subject();
    const cells = COLUMNS.map((column) => spread(marks.map((one) => one[column] ?? Number.NaN)));
    const ratio = median(marks.map(({ answered }) => answered)) / floorMs;
    console.log(row([name, ...cells, ratio.toFixed(1)]));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** What is started, each as often as wanted. */
function subjects(): Record<string, () => Promise<Marks[]>> {
  return {
    'weir, first start, nothing kept': () =>
      times(REPETITIONS, async () => {
        const NODE_COMPILE_CACHE = await mkdtemp(join(folder, 'cache-'));
        return startAndStop(weir(await newDataDir(), { NODE_COMPILE_CACHE }));
      }),
    'weir, first start': () =>
      times(REPETITIONS, async () => startAndStop(weir(await newDataDir()))),
    'weir, later start': async () => {
      const program = weir(await newDataDir());
      await startAndStop(program);
      return times(REPETITIONS, () => startAndStop(program));
    },
    'weir, start after kill -9': async () => {
      const program = weir(await newDataDir());
      await startAndStop(program, 'SIGKILL');
      return times(REPETITIONS, () => startAndStop(program, 'SIGKILL'));
    },
    'router alone, first start': async () => {
      await using neighbours = await openNeighbours(folder);
      return await times(REPETITIONS, async () =>
        startAndStop(neighbours.router(await newDataDir())),
      );
    },
    'router alone, later start': async () => {
      await using neighbours = await openNeighbours(folder);
      const program = neighbours.router(await newDataDir());
      await startAndStop(program);
      return await times(REPETITIONS, () => startAndStop(program));
    },
  };
}

function weir(dataDir: string, env: Readonly<Record<string, string>> = {}): Program {
  return {
    main: 'standalone/src/main.ts',
    env: { WEIR_DATA_DIR: dataDir, ...env },
    ref: 'DocChunk/README.md#install',
    keyFile: join(dataDir, 'admin.key'),
    says: /callers\s+http:/,
  };
}

async function startAndStop(program: Program, signal?: 'SIGTERM' | 'SIGKILL'): Promise<Marks> {
  const started = await start(program);
  await started.stop(signal);
  return started.marks;
}

function newDataDir(): Promise<string> {
  return mkdtemp(join(folder, 'data-'));
}

/** What any program on Node takes to start and end. */
async function bareNode(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}

async function times<T>(count: number, task: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < count; n += 1) results.push(await task());
  return results;
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function spread(figures: readonly number[]): string {
  if (figures.some(Number.isNaN)) return '';
  const [least, most] = [Math.min(...figures), Math.max(...figures)];
  return `${median(figures).toFixed(0)} (${least.toFixed(0)}-${most.toFixed(0)})`;
}

function row([name = '', ...cells]: readonly string[]): string {
  return name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(CELL_WIDTH)).join('');
}
