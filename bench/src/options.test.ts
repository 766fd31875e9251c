import { expect, test } from 'vitest';
import { scenarioNames } from './model.ts';
import { type AskedSuite, readOptions } from './options.ts';
import { scenarioOf } from './scenarios.ts';

const suite = (...args: string[]) => readOptions(args) as AskedSuite;

test('without options the short suite is run', () => {
  const asked = suite();
  expect(asked).toMatchObject({ kind: 'suite', repetitions: 3, durationMs: 1_500, resume: false });
  expect(asked.scenarios.map(({ name }) => name)).toEqual([
    'single-warm',
    'batch32-warm',
    'passthrough-miss',
  ]);
  for (const { subjects } of asked.scenarios) {
    expect(subjects.toSorted()).toEqual(['connect-node', 'node-http2', 'node-proxy', 'weir']);
  }
});

test('--full runs all scenarios with all their subjects', () => {
  const { scenarios, repetitions } = suite('--full');
  expect(repetitions).toBe(5);
  expect(scenarios).toEqual(
    scenarioNames.map((name) => {
      const { subjects, loads } = scenarioOf(name);
      return { name, subjects, loads };
    }),
  );
});

test('scenarios and subjects can be named, in any number', () => {
  const asked = suite('--scenario', 'batch32-masked', '--scenario', 'rules-100k');
  expect(asked.scenarios).toMatchObject([
    { name: 'batch32-masked', subjects: ['weir', 'weir-unmasked'] },
    { name: 'rules-100k', subjects: ['weir', 'weir-10-rules'] },
  ]);
  expect(suite('--scenario', 'single-warm', '--subject', 'grpc-js').scenarios).toMatchObject([
    { name: 'single-warm', subjects: ['grpc-js'] },
  ]);
  // A scenario without any of them is left out.
  expect(suite('--full', '--subject', 'nginx').scenarios).toMatchObject([
    { name: 'passthrough-miss', subjects: ['nginx'] },
  ]);
});

test('--smoke leaves out what only a fast machine can do', () => {
  const { scenarios, repetitions, smoke } = suite('--smoke');
  expect([repetitions, smoke]).toEqual([1, true]);
  expect(scenarios.map(({ subjects }) => subjects)).toEqual(
    scenarios.map(() => ['weir', 'node-http2']),
  );
  const kinds = scenarios.flatMap(({ loads }) => loads.map(({ kind }) => kind));
  expect(new Set(kinds)).toEqual(new Set(['saturation', 'half']));
});

test('a Weir that runs is measured with what its caller has', () => {
  const args = ['--url', 'http://h:7070', '--key', 'weir_k', '--refs', 'f', '--rate', '50'];
  expect(readOptions([...args, '--duration', '2.5'])).toMatchObject({
    ...{ kind: 'url', key: 'weir_k', refsFile: 'f', batch: 32, rate: 50, durationMs: 2_500 },
    url: new URL('http://h:7070'),
  });
  const withoutKey = ['--url', 'http://h:1', '--refs', 'f'];
  expect(readOptions(withoutKey, { WEIR_KEY: 'weir_e' })).toMatchObject({ key: 'weir_e' });
});

test.each([
  [['--scenario', 'fast'], 'there is no scenario fast; there are single-warm, batch32-warm'],
  [['--subject', 'apache'], 'there is no subject apache; there are weir, weir-connect-lane'],
  [['--subject', 'weir-1k-items'], '--subject weir-1k-items is in none of the scenarios single'],
  [['--quick'], "Unknown option '--quick'"],
  [['quick'], 'quick'],
  [['--repetitions', '0'], '--repetitions 0 is not a number from 1 to 100'],
  [['--repetitions', '1.5'], '--repetitions 1.5 is not a whole number'],
  [['--duration', 'long'], '--duration long is not a number from 0.1'],
  [['--duration', ''], '--duration  is not a number'],
  [['--full', '--smoke'], '--full and --smoke exclude each other'],
  [['--key', 'weir_k'], '--key goes with --url only'],
  [['--url', 'http://h:1', '--full', '--key', 'k', '--refs', 'f'], '--full does not go with --url'],
  [['--url', 'http://h:1', '--refs', 'f'], '--url needs --key'],
  [['--url', 'http://h:1', '--key', 'k'], '--url needs --refs'],
  [['--url', 'https://h:1', '--key', 'k', '--refs', 'f'], 'TLS is not measured'],
  [['--url', 'h', '--key', 'k', '--refs', 'f'], '--url h is not like http://127.0.0.1:7070'],
  [['--url', 'http://h:1', '--key', 'k', '--refs', 'f', '--batch', '257'], '--batch 257 is not'],
])('%j is refused: %s', (args, text) => {
  expect(() => readOptions(args)).toThrow(text);
});
