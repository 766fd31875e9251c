import { describe, expect, test } from 'vitest';
import { compareHeld } from '../src/outages/held-records.ts';
import { killRecorders } from '../src/outages/recorder-kills.ts';
import { whyNoServers } from '../src/parts/binaries.ts';

const why = whyNoServers();
const TIMEOUT_MS = 240_000;
const { signal } = new AbortController();

describe('answered calls and their records', () => {
  const held = (...parts: number[]) => new Map([['a', { items: 2, parts }]]);
  const compare = (inChains: ReturnType<typeof held>, found = inChains, items = 2) =>
    compareHeld(new Map([['a', items]]), { inChains, found });

  test('are there once, whole, in the chains and in a search', () => {
    expect(compare(held(0, 1))).toEqual({ lost: [], doubled: [] });
    expect(compare(held(0), new Map())).toEqual({ lost: ['a'], doubled: [] });
    expect(compare(new Map(), held(0))).toEqual({ lost: ['a'], doubled: [] });
    expect(compare(held(0), held(0), 3)).toEqual({ lost: ['a'], doubled: [] });
    expect(compare(held(0, 0))).toEqual({ lost: [], doubled: ['a'] });
    expect(compare(held(0), held(0), 1)).toEqual({ lost: [], doubled: ['a'] });
  });
});

describe.skipIf(why !== undefined)(`routers and the registry die${why ? ` (${why})` : ''}`, () => {
  test(
    'and every call that was answered is in the registry, once, in chains that are whole',
    async () => {
      const run = await killRecorders({ durationMs: 4_000, signal });
      expect(run.lost).toEqual([]);
      expect(run.doubled).toEqual([]);
      expect(run.faults).toEqual([]);
      expect(run.answered).toBeGreaterThan(50);
      expect(run.routerKills + run.registryKills).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  test(
    'and what a router loses with its disk is counted',
    async () => {
      const { lost } = await killRecorders({ durationMs: 500, lose: true, signal });
      expect(lost.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
