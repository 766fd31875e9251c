import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

const kit = new URL('./index.ts', import.meta.url).href;

function run(body: string): ChildProcess {
  const script = `import { runMain, readSettings, port } from ${JSON.stringify(kit)};\n${body}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, WEIR_PORT: 'x' },
  });
}

async function end(child: ChildProcess) {
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

const opened = `
  const timer = setInterval(() => {}, 1000);
  const app = { [Symbol.asyncDispose]: async () => { clearInterval(timer); console.log('closed'); } };
`;

it.each(['SIGTERM', 'SIGINT'] as const)('closes on %s and ends with 0', async (signal) => {
  const child = run(`await runMain(async () => { ${opened} console.log('open'); return app; });`);
  const text: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => {
    text.push(chunk.toString());
    if (chunk.toString().includes('open')) child.kill(signal);
  });
  expect(await end(child)).toEqual({ code: 0, stderr: '' });
  expect(text.join('')).toBe('open\nclosed\n');
});

it('ends with 2 and one line when a setting is wrong', async () => {
  const spec = `{ port: port('WEIR_PORT', { doc: 'The port.' }) }`;
  const child = run(`await runMain(async () => readSettings(${spec}, process.env));`);
  const stderr = 'weir: WEIR_PORT is not a whole number; write digits only\n';
  expect(await end(child)).toEqual({ code: 2, stderr });
});

it('ends with 1 and one line when it cannot open', async () => {
  const child = run(`await runMain(async () => { throw new Error('the port\\n is taken'); });`);
  expect(await end(child)).toEqual({ code: 1, stderr: 'weir: the port is taken\n' });
});

it('stops opening when told to, and ends with 0', async () => {
  const child = run(`await runMain((signal) => new Promise((_, reject) => {
    const timer = setInterval(() => {}, 1000);
    signal.addEventListener('abort', () => { clearInterval(timer); reject(signal.reason); });
    console.log('opening');
  }));`);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await end(child)).toEqual({ code: 0, stderr: '' });
});

it('ends at once on a second signal', async () => {
  const child = run(`await runMain(async () => {
    setInterval(() => {}, 1000);
    console.log('open');
    return { [Symbol.asyncDispose]: () => new Promise(() => console.log('closing')) };
  });`);
  child.stdout?.on('data', () => child.kill('SIGTERM'));
  const stderr = 'weir: stopped by a second signal\n';
  expect(await end(child)).toEqual({ code: 1, stderr });
});

it('ends when closing hangs', async () => {
  const child = run(`await runMain(async () => {
    setInterval(() => {}, 1000);
    console.log('open');
    return { [Symbol.asyncDispose]: () => new Promise(() => {}) };
  }, 300);`);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await end(child)).toEqual({ code: 1, stderr: 'weir: did not stop within 0.3 s\n' });
});

it('ends when what was closed still holds on', async () => {
  const child = run(`await runMain(async () => {
    setInterval(() => {}, 1000);
    console.log('open');
    return { [Symbol.asyncDispose]: async () => {} };
  }, 300);`);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await end(child)).toEqual({ code: 1, stderr: 'weir: did not stop within 0.3 s\n' });
});

it('is killed when its event loop stands still', async () => {
  const child = run(`await runMain(async () => {
    setInterval(() => {}, 1000);
    console.log('open');
    return { [Symbol.asyncDispose]: async () => { for (;;); } };
  }, 300);`);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  await end(child);
  expect(child.signalCode).toBe('SIGKILL');
});
