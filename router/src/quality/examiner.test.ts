import { createHash } from 'node:crypto';
import { createLogger } from '@weir/kit';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import type { Questions } from './examine.ts';
import { openExaminer } from './examiner.ts';

const log = createLogger({ name: 'test', level: 'silent' });

function openTest() {
  const clock = createTestClock();
  const examiner = openExaminer({ clock, log });
  return {
    clock,
    /** Checks bytes against a schema. */
    examine: (schema: object, payload: Uint8Array) =>
      examiner.examine(
        { id: 'bytes', cleaners: [], completeFields: [], schema: JSON.stringify(schema) },
        payload,
        'acme',
      ),
    /** Asks more of a value. */
    ask: (schema: object | undefined, value: unknown, more: object = {}, owner = 'acme') => {
      const asked = { cleaners: [], completeFields: [], ...more };
      const whole = { ...asked, ...(schema && { schema: JSON.stringify(schema) }) };
      const id = createHash('sha256').update(JSON.stringify(whole)).digest('hex');
      const questions: Questions = { id, ...whole };
      return examiner.examine(questions, Buffer.from(JSON.stringify(value)), owner);
    },
    [Symbol.asyncDispose]: () => examiner[Symbol.asyncDispose](),
  };
}

/** Takes for ever to match what almost matches. */
const exploding = { properties: { a: { pattern: '^(a+)+$' } } };
const almost = { a: `${'a'.repeat(40)}!` };

describe('a check against a schema', () => {
  const invoice = {
    type: 'object',
    properties: {
      id: { type: 'string' },
      price: { type: 'number', minimum: 0 },
      date: { type: 'string', format: 'date' },
      lines: { type: 'array', items: { type: 'object', required: ['sku'] } },
      kind: { anyOf: [{ const: 'a' }, { const: 'b' }] },
    },
    required: ['id'],
    additionalProperties: false,
  };
  const right = { id: 'x', price: 1, date: '2024-03-05', lines: [{ sku: 's' }], kind: 'a' };

  test.each<[string, object, number, RegExp[]]>([
    ['nothing', {}, 1, []],
    ['one place', { price: -1 }, 0.8, [/^\/price: must be >= 0$/]],
    ['a format', { date: '05.03.2024' }, 0.8, [/^\/date: must match format "date"$/]],
    ['many elements', { lines: [{}, {}, {}] }, 0.8, [/^\/lines\/0: .*'sku'/]],
    ['an alternative', { kind: 'c' }, 0.8, [/^\/kind: must match a schema in anyOf$/]],
    ['a member too many', { extra: 1 }, 0.8, [/additional properties: extra$/]],
    ['two places', { price: 'x', extra: 1 }, 0.6, [/./, /./]],
    ['six places', { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }, 0, [/./, /./, /./, /./, /./, /^1 more/]],
  ])('that finds fault with %s', async (_, wrong, validity, notes) => {
    await using test = openTest();
    const findings = await test.ask(invoice, { ...right, ...wrong });
    expect(findings).toMatchObject({ validity, completeness: 1 });
    expect(findings.notes).toHaveLength(notes.length);
    notes.forEach((note, i) => {
      expect(findings.notes[i]).toMatch(note);
    });
  });

  test('tells which fields are missing that the schema requires, or that the manifest names', async () => {
    await using test = openTest();
    const { lines: _, ...less } = right;
    const some = { ...less, price: null, kind: '' };
    const required = ['id', 'date', 'price', 'lines', 'kind'];
    expect(await test.ask({ ...invoice, required }, some)).toMatchObject({
      completeness: 0.4,
      notes: expect.arrayContaining(['without /price, /lines, /kind']),
    });
    const completeFields = ['/id', '/lines/0/sku', '/a~1b'];
    expect(await test.ask(invoice, right, { completeFields })).toMatchObject({
      completeness: 1 - 1 / 3,
      notes: ['without /a~1b'],
    });
    expect(test.ask(undefined, right, { completeFields: ['/id'] })).toMatchObject({
      completeness: 1,
    });
  });

  test('cleans before it checks', async () => {
    await using test = openTest();
    const dates = { case: 'dates', value: { formats: ['dd.MM.yyyy'], timeZone: '' } };
    const cleaners = [{ fields: ['/date'], kind: dates }];
    const findings = await test.ask(invoice, { ...right, date: '05.03.2024' }, { cleaners });
    expect(findings).toMatchObject({ validity: 1, cleaned: ['dates'] });
    expect(JSON.parse(Buffer.from(findings.payload ?? []).toString())).toEqual(right);
  });

  test('says of a value that is no JSON, or no UTF-8, that it is none', async () => {
    await using test = openTest();
    for (const payload of [Buffer.from('{"a":'), Buffer.from([0x22, 0xff, 0x22])]) {
      expect(await test.examine({}, payload)).toMatchObject({ validity: 0 });
    }
  });
});

describe('a hostile schema', () => {
  test('is stopped, is not run again for a while, and holds up no other', async () => {
    await using test = openTest();
    let isStuck = true;
    const stuck = Promise.resolve(test.ask(exploding, almost, {}, 'mallory')).finally(() => {
      isStuck = false;
    });
    const others = await Promise.all(
      Array.from({ length: 20 }, async () => test.ask({ type: 'object' }, {}, {}, 'acme')),
    );
    expect(others.every((each) => each.validity === 1)).toBe(true);
    expect(isStuck).toBe(true);
    const stopped = await stuck;
    expect(stopped.validity).toBeUndefined();
    expect(stopped.unchecked).toMatch(/more than 1000 ms/);

    expect((await test.ask(exploding, almost, {}, 'mallory')).unchecked).toMatch(/a moment ago/);
    expect((await test.ask(exploding, { a: 'aaa' }, {}, 'acme')).validity).toBe(1);
    test.clock.advance(31_000);
    expect((await test.ask(exploding, { a: 'aaa' }, {}, 'mallory')).validity).toBe(1);
  });

  test.each([
    ['a remote reference', { $ref: 'http://127.0.0.1:1/schema.json' }],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }],
    ['a type that is none', { type: 'nothing' }],
  ])(
    'that cannot be compiled, for %s, leaves the value unchecked, and cleaned',
    async (_, schema) => {
      await using test = openTest();
      const cleaners = [{ fields: [], kind: { case: 'whitespace', value: {} } }];
      const findings = await test.ask(schema, { a: ' x ' }, { cleaners });
      expect(findings.unchecked).toMatch(/^the schema cannot be compiled: /);
      expect(Buffer.from(findings.payload ?? []).toString()).toBe('{"a":"x"}');
    },
  );

  test('that refers to itself runs out of stack, not out of patience', async () => {
    await using test = openTest();
    const schema = { properties: { a: { $ref: '#' } } };
    const payload = Buffer.from(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
    const findings = await test.examine(schema, payload);
    expect(findings.unchecked).toMatch(/too deep/);
  });
});

test('what needs no worker is told at once', async () => {
  await using test = openTest();
  const cleaners = [{ fields: [], kind: { case: 'whitespace', value: {} } }];
  expect(test.ask(undefined, ' a ', { cleaners })).not.toBeInstanceOf(Promise);
  const large = test.ask(undefined, [' a ', 'x'.repeat(17 * 1024)], { cleaners });
  expect(large).toBeInstanceOf(Promise);
  expect((await large).cleaned).toEqual(['whitespace']);
});

test.each<[string, number, number]>([
  ['many forms', 100, 16],
  ['many values', 500, 1],
])('small values of %s hold up the loop no longer than one of them may', async (_, n, forms) => {
  await using test = openTest();
  // In the hour that the clocks of Berlin skip: what no form can mend is looked at by all.
  const value = new Array(n).fill('26.03.2023 02:30');
  const formats = ['dd.MM.yyyy HH:mm'];
  const dates = { case: 'dates', value: { formats, timeZone: 'Europe/Berlin' } };
  const cleaners = new Array(forms).fill({ fields: [], kind: dates });
  const asked = Array.from({ length: 40 }, () => test.ask(undefined, value, { cleaners }));
  expect(asked.some((each) => each instanceof Promise)).toBe(true);
  const findings = await Promise.all(asked.map(async (each) => each));
  expect(findings.every((each) => each.cleaned.length === 0 && each.notes.length === 0)).toBe(true);
  test.clock.advance(60);
  expect(test.ask(undefined, ['x'], { cleaners })).not.toBeInstanceOf(Promise);
});

test('a value whose cleaning found no room is not taken for a clean one', async () => {
  await using test = openTest();
  const cleaners = [{ fields: [], kind: { case: 'whitespace', value: {} } }];
  const value = [' a ', 'x'.repeat(20 * 1024)];
  const asked = Array.from({ length: 600 }, async () => test.ask(undefined, value, { cleaners }));
  const findings = await Promise.all(asked);
  const uncleaned = findings.filter((each) => each.isUncleaned);
  expect(uncleaned.length).toBeGreaterThan(0);
  expect(uncleaned.length + findings.filter((each) => each.payload).length).toBe(600);
});
