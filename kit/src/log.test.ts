import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mintApiKey } from './api-key.ts';
import { createLogger, type Logger } from './log.ts';

/** The lines that something logs. */
async function linesOf(logs: (log: Logger) => void): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-log-'));
  try {
    const file = join(folder, 'logs', 'weir.log');
    logs(createLogger({ name: 'router', level: 'info', destination: { file } }));
    return (await readFile(file, 'utf8')).trim().split('\n');
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('writes JSON lines to a file, and no credential', async () => {
  const lines = await linesOf((log) => {
    log.debug('not this');
    log.info({ headers: { authorization: 'Bearer weir_x' }, token: 't', tenant: 'acme' }, 'hello');
  });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    name: 'router',
    msg: 'hello',
    tenant: 'acme',
    token: '[Redacted]',
    headers: { authorization: '[Redacted]' },
  });
});

it('writes no secret that stands in a message, a field or a stack', async () => {
  const { text } = mintApiKey();
  const lines = await linesOf((log) => {
    log.error({ err: new Error(`"${text}"\nis wrong`), deep: [{ note: `a ${text}` }] }, text);
    log.child({ url: 'redis://:hunter2@cache' }).info('connected');
  });
  expect(lines.join()).not.toContain(text.slice(-20));
  expect(lines.join()).not.toContain('hunter2');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: '[secret]',
    deep: [{ note: 'a [secret]' }],
  });
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ url: 'redis://[secret]@cache' });
});
