import type { LoadPlan, Scenario, ScenarioName } from './model.ts';

const saturation: LoadPlan = { kind: 'saturation', concurrency: 64 };
const half: LoadPlan = { kind: 'half' };

const warm = {
  ...{ valueBytes: 1024, keys: 10_000, freshRefs: 0, principals: 50 },
  ...{ rules: 1_000, masked: false, loads: [saturation, half] },
} as const;

/** The scenarios, as data. */
export const scenarios: readonly Scenario[] = [
  {
    ...warm,
    name: 'single-warm',
    about: 'one item of 1 KB from memory',
    refs: 1,
    subjects: [
      'weir',
      'weir-connect-lane',
      'weir-node-http2',
      'node-http2',
      'grpc-js',
      'connect-node',
      'node-proxy',
    ],
  },
  {
    ...warm,
    name: 'batch32-warm',
    about: '32 items of 1 KB from memory, 10,000 keys, 50 principals',
    refs: 32,
    subjects: [
      ...([
        'weir',
        'weir-connect-lane',
        'weir-node-http2',
        'node-http2',
        'grpc-js',
        'connect-node',
      ] as const),
      ...(['node-proxy', 'naive-router'] as const),
    ],
    loads: [saturation, half, { kind: 'fixed', rate: 500 }],
  },
  {
    ...warm,
    name: 'batch128-warm',
    about: '128 items of 1 KB from memory',
    refs: 128,
    subjects: ['weir', 'node-http2', 'connect-node'],
  },
  {
    ...warm,
    name: 'batch32-miss10',
    about: '32 items of which three are fetched from a provider over gRPC',
    refs: 32,
    freshRefs: 3,
    subjects: ['weir', 'naive-router'],
  },
  {
    ...warm,
    name: 'passthrough-miss',
    about: 'one item that is always fetched from a provider over gRPC',
    refs: 1,
    keys: 0,
    freshRefs: 1,
    subjects: ['weir', 'node-http2', 'connect-node', 'node-proxy', 'nginx', 'haproxy'],
    loads: [saturation, half, { kind: 'fixed', rate: 500 }],
  },
  {
    ...warm,
    name: 'batch32-masked',
    about: '32 items of 1 KB from memory, a field of each masked by obligations',
    refs: 32,
    masked: true,
    subjects: ['weir', 'weir-unmasked'],
  },
  {
    ...warm,
    name: 'rules-100k',
    about: '32 items of 1 KB from memory, decided by 100,000 rules',
    refs: 32,
    rules: 100_000,
    subjects: ['weir', 'weir-10-rules'],
  },
  {
    ...warm,
    name: 'cache-1m',
    about: '32 items of 1 KB from a memory of 1,000,000',
    refs: 32,
    keys: 1_000_000,
    subjects: ['weir', 'weir-1k-items'],
  },
  {
    ...warm,
    name: 'overload-4x',
    about: 'four times as many calls as can be answered',
    refs: 32,
    subjects: ['weir'],
    loads: [saturation, half, { kind: 'times', times: 4 }],
  },
];

/** The scenario of a name. */
export function scenarioOf(name: ScenarioName): Scenario {
  return scenarios.find((scenario) => scenario.name === name) as Scenario;
}

/** What `npm run bench` measures when it is told nothing else. */
export const short = {
  scenarios: ['single-warm', 'batch32-warm', 'passthrough-miss'],
  subjects: ['weir', 'node-http2', 'connect-node', 'node-proxy'],
} as const;
