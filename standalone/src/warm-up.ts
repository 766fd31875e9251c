import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// Starts Weir once, in a folder of its own, and stops it: what is kept of that makes the first start
// of a user as short as later ones, for which nothing of it is needed. Run when Weir is installed,
// with the flags that it will be started with: Node keeps what it compiles apart by them.

const TIMEOUT_MS = 120_000;

const dataDir = await mkdtemp(join(tmpdir(), 'weir-warm-up-'));
const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_'));
const weir = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'main.ts')], {
  env: {
    ...Object.fromEntries(inherited),
    ...{ WEIR_DATA_DIR: dataDir, WEIR_DOCS_DIR: dataDir, WEIR_PORT: '0', WEIR_OPS_PORT: '0' },
  },
  stdio: ['ignore', 'pipe', 'ignore'],
  timeout: TIMEOUT_MS,
});
const exited = once(weir, 'exit');
// Its last line.
for await (const line of createInterface({ input: weir.stdout }))
  if (/npx weir fetch/.test(line)) break;
weir.stdout.resume();
weir.kill('SIGTERM');
await exited;
await rm(dataDir, { recursive: true, force: true });
if (weir.exitCode !== 0) {
  process.stderr.write('weir: the first start was not prepared; it will take longer\n');
}
