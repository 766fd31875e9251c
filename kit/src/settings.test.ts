import { describe, expect, it } from 'vitest';
import {
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  optional,
  path,
  port,
  readSettings,
  SettingsError,
  text,
  url,
} from './settings.ts';

const spec = {
  name: text('WEIR_NAME', { doc: 'The name.', maxChars: 8 }),
  level: choice('WEIR_LEVEL', ['debug', 'info'], { doc: 'The level.', default: 'info' }),
  port: port('WEIR_PORT', { doc: 'The port.', default: '7070' }),
  refs: integer('WEIR_REFS', { doc: 'The refs.', default: '256', min: 1, max: 1000 }),
  lease: durationMs('WEIR_LEASE', { doc: 'The lease.', default: '5s', min: 100 }),
  cache: bytes('WEIR_CACHE', { doc: 'The cache.', default: '64MiB', max: 2 ** 30 }),
  data: path('WEIR_DATA', { doc: 'The folder.', default: '.weir' }),
  redis: optional(url('WEIR_REDIS', { doc: 'The Redis.', protocols: ['redis'] })),
  open: flag('WEIR_OPEN', { doc: 'Whether.', default: 'no' }),
};

const read = (env: NodeJS.ProcessEnv) => readSettings(spec, { WEIR_NAME: 'w', ...env });

describe('settings', () => {
  it('are completed with defaults and frozen', () => {
    const settings = read({ PATH: '/bin', WEIR_REDIS: '' });
    expect(settings).toEqual({
      name: 'w',
      level: 'info',
      port: 7070,
      refs: 256,
      lease: 5000,
      cache: 64 * 1024 * 1024,
      data: `${process.cwd()}/.weir`,
      redis: undefined,
      open: false,
    });
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('are read from the environment', () => {
    const settings = read({
      WEIR_LEVEL: 'debug',
      WEIR_PORT: '0',
      WEIR_LEASE: '1.5 m',
      WEIR_CACHE: '2KiB',
      WEIR_DATA: '/var/weir',
      WEIR_REDIS: 'redis://127.0.0.1:6379',
      WEIR_OPEN: 'true',
    });
    expect(settings).toMatchObject({
      level: 'debug',
      port: 0,
      lease: 90_000,
      cache: 2048,
      data: '/var/weir',
      redis: 'redis://127.0.0.1:6379',
      open: true,
    });
  });

  it.each([
    [{ WEIR_NAME: '' }, 'WEIR_NAME is not set; set it: The name. (text)'],
    [{ WEIR_NAME: 'too long a name' }, 'WEIR_NAME is too long; use at most 8 characters'],
    [{ WEIR_LEVEL: 'loud' }, 'WEIR_LEVEL is not one of the words known; use debug, info'],
    [{ WEIR_PORT: '70700' }, 'WEIR_PORT is 70700, out of bounds; use 0 to 65535'],
    [{ WEIR_PORT: '7e3' }, 'WEIR_PORT is not a whole number; write digits only'],
    [{ WEIR_REFS: '0' }, 'WEIR_REFS is 0, out of bounds; use 1 to 1000'],
    [{ WEIR_LEASE: '30' }, 'WEIR_LEASE is not a number with a unit; write it as 250ms or 30s'],
    [{ WEIR_CACHE: '64MB' }, 'WEIR_CACHE is not a number with a unit; write it as 64KiB or 256MiB'],
    [{ WEIR_CACHE: '2GiB' }, 'WEIR_CACHE is 2147483648, out of bounds; use 0 to 1073741824'],
    [{ WEIR_REDIS: 'http://x' }, 'WEIR_REDIS is not a URL that can be used here; write redis://…'],
    [{ WEIR_OPEN: 'maybe' }, 'WEIR_OPEN is neither yes nor no; use true or false'],
    [{ WEIR_PROT: '1' }, 'WEIR_PROT is not a setting; use WEIR_PORT'],
    [
      { WEIR_SOMETHING: '1' },
      'WEIR_SOMETHING is not a setting; remove it, or see the list of settings',
    ],
  ])('%o is refused with a text that mends it', (env, message) => {
    expect(() => read(env)).toThrow(SettingsError);
    expect(() => read(env)).toThrow(message);
  });

  it('leave alone what others read', () => {
    const env = { WEIR_NAME: 'w', WEIR_KEY: 'x' };
    expect(readSettings(spec, env).name).toBe('w');
  });

  it('never repeat a value, since it may be a secret', () => {
    expect(() => read({ WEIR_REDIS: 'rediss://:hunter2@host' })).toThrow(/^(?!.*hunter2)/);
  });
});
