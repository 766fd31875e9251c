import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { nodeFlags } from '../node-flags.ts';

// What is made for each call goes with the next collection of the young (docs/decisions/transient-collections.md).
// Each call of the server in the other process has 20 KB that go with it.

const BALLAST_BYTES = 20_000;

it.each(['plain', 'call', 'stream'])('keeps nothing of calls that have ended: %s', async (way) => {
  const server = fork(new URL('./test-kept.ts', import.meta.url), [way], {
    execArgv: ['--expose-gc', ...nodeFlags],
  });
  try {
    const [kept] = (await once(server, 'message')) as [number];
    expect(kept).toBeLessThan(BALLAST_BYTES / 4);
  } finally {
    server.kill();
  }
});
