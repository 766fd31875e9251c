import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CleanerSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileCleaners } from './clean.ts';

// A failure prints the seed and the path to the smallest case; give both to fc.assert to see it
// again.

type Kind = NonNullable<MessageInitShape<typeof CleanerSchema>['kind']>;

const fields = fc.array(fc.constantFrom('/a', '/a/*', '/*/b', '/b/0', '/*/*/*', ''), {
  maxLength: 3,
});

const formats = ['dd.MM.yyyy', 'dd/MM/yy h:mm a', 'yyyy-MM-dd HH:mm', 'unix'];
const kind = fc.constantFrom<Kind>(
  { case: 'whitespace', value: {} },
  { case: 'encoding', value: {} },
  { case: 'dates', value: { formats, timeZone: 'Europe/Berlin' } },
  { case: 'nulls', value: {} },
  { case: 'units', value: { unit: 'm' } },
);
const cleaner = fc.record({ kind, fields }).map((init) => create(CleanerSchema, init));

/** Texts that the cleaners look at twice, beside all others. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('Ã', '©', 'ƒ', 'Â', '€', 'â', ' ', '\u0301', '\u0000', '\ufeff', 'e'),
  }),
  fc.constantFrom(
    ' N/A ',
    '-',
    '1.5 km',
    '3 ft',
    '05.03.2024',
    '27.10.2024 02:30',
    '01/02/99 1:05 pm',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.string().map((garbled) => Buffer.from(garbled).toString('latin1')),
);
const number = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((n) => JSON.stringify(n)),
  fc.bigInt().map(String),
  fc.constantFrom('-0', '1.0', '1e5', '1E+400', '0.10000000000000000000001', '1700000000'),
);
const blank = fc.constantFrom('', ' ', '\n\t');
const name = fc.oneof(fc.constantFrom('a', 'b', '0', '__proto__', 'a'), fc.string());

/** JSON texts in every spelling: blanks, duplicate names, numbers of any length. */
const { json } = fc.letrec<{ json: string }>((tie) => {
  const some = (each: fc.Arbitrary<string>) =>
    fc.array(each, { maxLength: 4 }).map((parts) => parts.join(','));
  const spaced = fc.tuple(blank, tie('json'), blank).map((parts) => parts.join(''));
  const member = fc.tuple(blank, name, spaced).map(([b, n, v]) => `${b}${JSON.stringify(n)}:${v}`);
  return {
    json: fc.oneof(
      { maxDepth: 4 },
      text.map((value) => JSON.stringify(value)),
      number,
      fc.constantFrom('true', 'false', 'null'),
      some(spaced).map((elements) => `[${elements}]`),
      some(member).map((members) => `{${members}}`),
    ),
  };
});

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\],]|[^\s{}[\],"]+|\s+/gs;

function tokensOf(source: string): { source: string; isValue: boolean }[] {
  return [...source.matchAll(TOKEN)].map(([token, colon]) => ({
    source: token,
    isValue: colon === undefined && /^["\d-]/.test(token),
  }));
}

test('cleaning twice is cleaning once', () => {
  fc.assert(
    fc.property(fc.array(cleaner, { minLength: 1, maxLength: 4 }), json, (cleaners, given) => {
      // Of several cleaners a later one may make work for an earlier one: one of each at a time.
      for (const each of cleaners) {
        const clean = compileCleaners([each]);
        const once = clean(given);
        expect(clean(once.text)).toEqual({ text: once.text, cleaned: [] });
      }
    }),
    { numRuns: 2_000 },
  );
});

test('only texts and numbers change, and nothing does that no cleaner names', () => {
  fc.assert(
    fc.property(fc.array(cleaner, { minLength: 1, maxLength: 4 }), json, (cleaners, given) => {
      const outcome = compileCleaners(cleaners)(given);
      expect(() => JSON.parse(outcome.text)).not.toThrow();
      expect(outcome.cleaned.length > 0).toBe(outcome.text !== given);
      const before = tokensOf(given);
      const after = tokensOf(outcome.text);
      expect(after).toHaveLength(before.length);
      before.forEach((token, i) => {
        if (!token.isValue) expect(after[i]?.source).toBe(token.source);
      });
    }),
    { numRuns: 2_000 },
  );
});

test('what lies beside the fields named stays byte for byte', () => {
  fc.assert(
    fc.property(cleaner, json, json, (each, one, other) => {
      const clean = compileCleaners([{ ...each, fields: ['/a/*', '/a'] }]);
      const { text: mended } = clean(`{"b":${one},"a":${other},"c":[${one}]}`);
      expect(mended.startsWith(`{"b":${one},"a":`)).toBe(true);
      expect(mended.endsWith(`,"c":[${one}]}`)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('texts that are no JSON stay, whatever they are', () => {
  fc.assert(
    fc.property(
      fc.array(cleaner, { minLength: 1 }),
      json,
      fc.nat(),
      text,
      (cleaners, whole, at, extra) => {
        const cut = at % (whole.length + 1);
        const given = whole.slice(0, cut) + extra + whole.slice(cut);
        const outcome = compileCleaners(cleaners)(given);
        let isJson = true;
        try {
          JSON.parse(given);
        } catch {
          isJson = false;
        }
        // A byte order mark before JSON is a fault that a cleaner mends.
        if (!isJson && !given.startsWith('\ufeff')) expect(outcome.text).toBe(given);
      },
    ),
    { numRuns: 2_000 },
  );
});
