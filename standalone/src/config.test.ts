import { SettingsError, weirVariables } from '@weir/kit';
import { registrySettings } from '@weir/registry';
import { routerSettings } from '@weir/router';
import { expect, test } from 'vitest';
import { readStandaloneConfig, standaloneSettings } from './config.ts';

test('every variable that a process reads is known to the others', () => {
  for (const settings of [registrySettings, routerSettings, standaloneSettings]) {
    for (const { variable } of Object.values(settings)) expect(weirVariables).toContain(variable);
  }
});

test('the command line wins over the environment, and says what it knows', () => {
  const env = { WEIR_PORT: '1', WEIR_URL: 'http://elsewhere' };
  expect(readStandaloneConfig(env, ['--port', '7']).port).toBe(7);
  expect(readStandaloneConfig(env).port).toBe(1);
  expect(() => readStandaloneConfig({}, ['--prot', '7'])).toThrow(SettingsError);
  expect(() => readStandaloneConfig({}, ['--prot', '7'])).toThrow('--docs, --sql, --port, --data');
  expect(() => readStandaloneConfig({ WEIR_PROT: '7' })).toThrow('use WEIR_PORT');
});
