import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { runMainFile } from '../bad-input/surfaces.ts';
import { openFolder } from '../weir.ts';
import { attacks } from './attack.ts';
import { mintCanary } from './canary.ts';

let folder: { path: string } & AsyncDisposable;

beforeAll(async () => {
  folder = await openFolder();
});

afterAll(() => folder[Symbol.asyncDispose]());

const secrets: Record<string, { text: string; mode?: number }> = {
  nothing: { text: '' },
  spaces: { text: ' '.repeat(64) },
  'a short secret': { text: randomBytes(8).toString('hex') },
  'one letter many times': { text: 'a'.repeat(64) },
  zeros: { text: '0'.repeat(64) },
  'a well-known word many times': { text: 'changeme'.repeat(8) },
  'a well-known word of a manual': { text: 'password'.repeat(4) },
  'digits in their order': { text: '0123456789abcdef'.repeat(4) },
  'a secret that others may read': { text: mintCanary(), mode: 0o644 },
};

attacks('default-secret', secrets, async ({ text, mode = 0o600 }, says) => {
  const file = join(folder.path, `${says.replaceAll(' ', '-')}.key`);
  writeFileSync(file, text, { mode });
  const tried = ['router', 'registry'].map(async (room) => {
    const env = {
      WEIR_SERVICE_SECRET_FILE: file,
      WEIR_DATA_DIR: join(folder.path, room),
      WEIR_PORT: '0',
      WEIR_OPS_PORT: '0',
      WEIR_REGISTRY_PORT: '0',
    };
    const { exitCode, err } = await runMainFile(`${room}/src/main.ts`, [], { env });
    expect({ room, exitCode }).toEqual({ room, exitCode: 2 });
    expect(err).toMatch(/^weir: WEIR_SERVICE_SECRET_FILE .+\n$/);
    if (text.trim() !== '') expect(err).not.toContain(text);
  });
  await Promise.all(tried);
});
