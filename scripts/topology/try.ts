import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWeir } from '@weir/sdk';
import { adminKey, checks, type Tried } from './checks.ts';
import { openEngine } from './engine.ts';
import { openShell } from './shell.ts';

/** Builds, starts and tries the topology; says each step. */
export async function tryTopology(
  context: string,
  say: (text: string) => void,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const interrupted = new AbortController();
  await using engine = await openEngine(context, say);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted.abort();
      void engine[Symbol.asyncDispose]();
    });
  }
  await using shell = await openShell(engine, context);
  await engine.up();
  const names = engine.services.map(({ service }) => service.name);
  say(`up: ${names.join(', ')}`);
  const url = `http://127.0.0.1:${engine.service('gateway').place.port('7070')}`;
  const key = adminKey(engine);
  const weir = createWeir({ url, key });
  const tried: Tried = { engine, shell, url, key, weir };
  let passed = 0;
  let failed = 0;
  for (const check of [...checks, everyCommand(context)]) {
    interrupted.signal.throwIfAborted();
    const startedAt = performance.now();
    try {
      await check.run(tried);
      passed++;
      say(`ok      ${check.says} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      say(`FAILED  ${check.says}: ${error instanceof Error ? error.message : error}`);
    }
  }
  weir.close();
  return { passed, failed };
}

/** What the guide tells an operator to type was typed above. */
function everyCommand(context: string) {
  return {
    says: 'every command of docs/operating.md was run',
    async run({ shell }: Tried) {
      const guide = readFileSync(join(context, 'docs/operating.md'), 'utf8');
      const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
      const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => line !== '');
      const left = lines.filter((line) => !shell.ran.has(line));
      if (lines.length === 0) throw new Error('the guide has no commands');
      if (left.length > 0) throw new Error(`not run: ${left.join(' | ')}`);
    },
  };
}
