import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLogger } from './log.ts';

it('writes JSON lines to a file, and no credential', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-log-'));
  try {
    const file = join(folder, 'logs', 'weir.log');
    const log = createLogger({ name: 'router', level: 'info', destination: { file } });
    log.debug('not this');
    log.info({ headers: { authorization: 'Bearer weir_x' }, token: 't', tenant: 'acme' }, 'hello');
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      name: 'router',
      msg: 'hello',
      tenant: 'acme',
      token: '[Redacted]',
      headers: { authorization: '[Redacted]' },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
