import { expect, it } from 'vitest';
import { setting as settingOf } from '../testing/http2-frames.ts';
import { FrameFault, setting } from './frames.ts';
import { readSettings } from './peer-settings.ts';

it('of a setting that is told again, the last one counts', () => {
  const { initialWindowSize, maxConcurrentStreams } = setting;
  const content = Buffer.concat([
    ...Array.from({ length: 2_000 }, (_, i) => settingOf(initialWindowSize, i)),
    settingOf(maxConcurrentStreams, 5),
    settingOf(initialWindowSize, 7),
  ]);
  expect([...readSettings(content)]).toEqual([
    [initialWindowSize, 7],
    [maxConcurrentStreams, 5],
  ]);
});

it('one that cannot be is a fault, though another follows', () => {
  const content = Buffer.concat([
    settingOf(setting.enablePush, 2),
    settingOf(setting.enablePush, 0),
  ]);
  expect(() => readSettings(content)).toThrow(FrameFault);
});
