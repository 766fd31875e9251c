import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { nodeFlags } from './node-flags.ts';
import { TransientMap, TransientSet } from './transient.ts';

/** More than leave before a collection is made anew. */
const MANY = 100;

describe('a TransientMap', () => {
  it('is a map, however many come and go', () => {
    const map = new TransientMap<number, string>();
    for (let key = 0; key < MANY; key++) {
      map.set(key, `${key}`);
      map.set(key, `${key}!`);
      if (key < 3) continue;
      expect(map.delete(key - 3)).toBe(true);
      expect(map.delete(key - 3)).toBe(false);
    }
    expect([...map.values()]).toEqual(['97!', '98!', '99!']);
    expect([map.size, map.has(96), map.get(96), map.has(97), map.get(97)]).toEqual([
      ...[3, false, undefined],
      ...[true, '97!'],
    ]);
    map.clear();
    expect([map.size, map.has(97)]).toEqual([0, false]);
  });

  it('shows nobody who looks through it what was deleted meanwhile', () => {
    const map = new TransientMap<number, number>();
    for (let key = 0; key < MANY; key++) map.set(key, key);
    const seen: number[] = [];
    for (const value of map.values()) {
      seen.push(value);
      map.delete(value);
      // Enough to have it made anew while it is looked through.
      for (let key = 2; key < MANY - 1; key++) map.delete(key);
    }
    expect(seen).toEqual([0, 1, MANY - 1]);
    expect(map.size).toBe(0);
  });
});

describe('a TransientSet', () => {
  it('is a set, however many come and go', () => {
    const set = new TransientSet<number>();
    for (let entry = 0; entry < MANY; entry++) {
      set.add(entry);
      set.add(entry);
      if (entry < 3) continue;
      expect(set.delete(entry - 3)).toBe(true);
      expect(set.delete(entry - 3)).toBe(false);
    }
    expect([...set]).toEqual([97, 98, 99]);
    expect([set.size, set.has(96), set.has(97)]).toEqual([3, false, true]);
    set.clear();
    expect([...set]).toEqual([]);
  });

  it('shows nobody who looks through it what was deleted meanwhile', () => {
    const set = new TransientSet<number>();
    for (let entry = 0; entry < MANY; entry++) set.add(entry);
    const seen: number[] = [];
    for (const entry of set) {
      seen.push(entry);
      for (let other = entry; other < MANY - 1; other++) set.delete(other);
    }
    expect(seen).toEqual([0, MANY - 1]);
  });
});

// What a collection of the young leaves of 16 MB that came and went.
it.each(['TransientMap', 'TransientSet'])('a %s keeps nothing of what has gone', (name) => {
  const script = `
    import { ${name} } from ${JSON.stringify(new URL('./transient.ts', import.meta.url).href)};
    const held = new ${name}();
    const add = name === 'TransientMap' ? (one) => held.set(one, one) : (one) => held.add(one);
    const turn = (calls) => {
      for (let call = 0; call < calls; call++) {
        const one = { ballast: new Array(128).fill(call) };
        add(one);
        if (last) held.delete(last);
        last = one;
      }
    };
    let last;
    turn(100);
    // Whatever it is made of is old from now on.
    gc();
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 64; round++) {
      turn(256);
      gc({ type: 'minor' });
    }
    console.log(process.memoryUsage().heapUsed - before);
  `.replace('name ===', `${JSON.stringify(name)} ===`);
  const args = ['--expose-gc', ...nodeFlags, '--input-type=module', '-e'];
  const kept = Number(execFileSync(process.execPath, [...args, script], { encoding: 'utf8' }));
  expect(kept).toBeLessThan(2 ** 20);
});
