import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeFlags } from '@weir/kit/node-flags';
import { createWeir } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';

// Prints the first figures: how long Weir takes to start, and how long a batch of 32 takes, one
// after the other, from a client in a process of its own. The bench proper measures under load.

const BATCH = 32;
const COLD_BATCHES = 200;
const WARM_BATCHES = 2_000;
const WRITES = 100;
const VALUE_BYTES = 1024;
const root = join(import.meta.dirname, '..');

const dataDir = await mkdtemp(join(tmpdir(), 'weir-figures-'));
try {
  const first = await start();
  await first.stop();
  const again = await start();
  console.log(`start to ready, first time:     ${first.readyMs.toFixed(0)} ms`);
  console.log(`start to ready, after:          ${again.readyMs.toFixed(0)} ms`);
  await measureBatches(again.url);
  await again.stop();
} finally {
  await rm(dataDir, { recursive: true, force: true });
}

async function start(): Promise<{ url: string; readyMs: number; stop(): Promise<void> }> {
  const startedAt = performance.now();
  const flags = [...nodeFlags, 'standalone/src/main.ts'];
  const child = spawn(process.execPath, flags, {
    cwd: root,
    env: { ...process.env, WEIR_DATA_DIR: dataDir, WEIR_PORT: '0', WEIR_OPS_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /callers\s+(http:\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    const stop = async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    child.stdout.resume();
    return { url, readyMs: performance.now() - startedAt, stop };
  }
  throw new Error('Weir did not start');
}

async function measureBatches(url: string): Promise<void> {
  const key = readFileSync(join(dataDir, 'admin.key'), 'utf8').trim();
  const value = 'x'.repeat(VALUE_BYTES);
  const provider = defineProvider({
    name: 'figures',
    version: '1.0.0',
    contexts: [
      defineContext({
        type: 'Figure',
        version: '1.0.0',
        schema: { type: 'string' },
        ttlMs: 600_000,
        fetch: async () => ({ value }),
      }),
    ],
  });
  await using _running = await serveProvider(provider, { url, key });
  const weir = createWeir({ url, key });
  const batch = (of: number) => Array.from({ length: BATCH }, (_, i) => `Figure/${of}-${i}`);
  while (!(await weir.fetch(batch(-1)))[0]?.ok) await new Promise((r) => setTimeout(r, 50));

  const time = async (count: number, refsOf: (n: number) => string[]) => {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const startedAt = performance.now();
      const outcomes = await weir.fetch(refsOf(n));
      times.push(performance.now() - startedAt);
      if (outcomes.some((outcome) => !outcome.ok)) throw new Error('an item was refused');
    }
    return `${quantiles(times)} (${count} batches)`;
  };
  const seen: number[] = [];
  for (let n = 0; n < WRITES; n++) {
    // Each write makes one more consumer; its token is what a fetch waits for.
    const name = `reader-${n}`;
    const manifest = { case: 'manifest' as const, value: { name } };
    const { consistencyToken } = await weir.registry.registerConsumer({ source: manifest });
    const writtenAt = performance.now();
    await weir.fetch([`Figure/-1-0`], { consistencyToken });
    seen.push(performance.now() - writtenAt);
  }
  console.log(`write to seen by the router:    ${quantiles(seen)} (${WRITES} writes)`);

  await time(WARM_BATCHES / 4, () => batch(-1));
  console.log(`batch of ${BATCH} x 1 KiB, cold:       ${await time(COLD_BATCHES, batch)}`);
  console.log(
    `batch of ${BATCH} x 1 KiB, warm:       ${await time(WARM_BATCHES, () => batch(-1))}`,
  );
  weir.close();
}

function quantiles(times: number[]): string {
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
