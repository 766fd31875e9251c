import { createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Duty,
  drop,
  hash,
  mask,
  maskBut,
  redact,
  redactorOf,
  testHashKey,
  truncate,
} from './test-obligations.ts';

const blank = fc.constantFrom('', ' ', '\n\t', ' \r\n ');
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '0', '1', '*', 'a/b', '~', '__proto__'),
  fc.string(),
);
/** A string in one of its spellings: with characters as they are, or escaped. */
const spelled = (value: string) =>
  fc.array(fc.boolean(), { minLength: value.length, maxLength: value.length }).map((escaped) => {
    const parts = [...Array(value.length).keys()].map((at) =>
      escaped[at]
        ? `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`
        : JSON.stringify(value[at]).slice(1, -1),
    );
    // Half a pair is escaped by JSON.stringify, a whole one need not be.
    return `"${parts.join('')}"`;
  });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('lin@example.com', '"', '\\', '👍👎', 'x'.repeat(30)),
);
const number = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((n) => JSON.stringify(n)),
  fc.bigInt().map(String),
  fc.constantFrom('-0', '1.0', '1e5', '1E+40', '0.10000000000000000000001'),
);

/** JSON texts in every spelling: blanks, escapes, duplicate names, numbers of any length. */
const { json } = fc.letrec<{ json: string }>((tie) => {
  const some = (each: fc.Arbitrary<string>) =>
    fc.array(each, { maxLength: 4 }).map((parts) => parts.join(','));
  const spaced = fc.tuple(blank, tie('json'), blank).map((parts) => parts.join(''));
  const member = fc
    .tuple(blank, name.chain(spelled), blank, spaced)
    .map(([b, n, c, v]) => `${b}${n}${c}:${v}`);
  return {
    json: fc.oneof(
      { maxDepth: 4 },
      text.chain(spelled),
      number,
      fc.constantFrom('true', 'false', 'null'),
      fc.tuple(blank, some(spaced)).map(([b, elements]) => `[${b}${elements}]`),
      fc.tuple(blank, some(member)).map(([b, members]) => `{${b}${members}}`),
    ),
  };
});

const segment = fc.oneof(fc.constantFrom('*', '*', 'a', 'b', '0', '1', 'a~1b', '~0', '__proto__'));
const pointer = fc
  .array(segment, { maxLength: 3 })
  .map((parts) => parts.map((each) => `/${each}`).join(''));
const pointers = fc.array(pointer, { minLength: 1, maxLength: 3 });
const duty: fc.Arbitrary<Duty> = fc.oneof(
  pointers.map((some) => mask(...some)),
  fc.tuple(fc.nat(8), pointers).map(([keep, some]) => maskBut(keep, ...some)),
  pointers.map((some) => hash(...some)),
  pointers.map((some) => drop(...some)),
  fc.tuple(fc.nat(5), pointers).map(([count, some]) => truncate(count, ...some)),
);

const made = (duties: readonly Duty[], given: string) => {
  const value = redactorOf(...duties).value(Buffer.from(given), 'application/json');
  return value && Buffer.from(value.payload).toString();
};

/** What a plain reading of the contract makes of a value: slow, and written without the other. */
function plainly(
  value: unknown,
  duties: readonly Duty[],
  path: readonly string[],
  over: Over,
): unknown {
  const here = { ...over };
  for (const { case: kind, value: given } of duties) {
    if (kind !== 'mask' && kind !== 'hash' && kind !== 'drop' && kind !== 'truncate') continue;
    if (!(given.fields?.pointers ?? []).some((each) => leadsTo(each, path))) continue;
    if (kind === 'drop') return undefined;
    if (kind === 'hash') here.isHashed = true;
    if (kind === 'mask') here.keep = Math.min(here.keep ?? 8, given.keepLast ?? 0);
    if (kind === 'truncate') here.cut = Math.min(here.cut ?? 65536, given.characters ?? 0);
  }
  if (here.isHashed) {
    // Dropping comes first wherever it is for the same field; below it, the hash is of all.
    const digest = createHmac('sha256', testHashKey)
      .update(canonicalize(value) ?? '')
      .digest('hex');
    return `hash:${digest.slice(0, 32)}`;
  }
  if (Array.isArray(value)) {
    return value
      .map((each, at) => plainly(each, duties, [...path, String(at)], here))
      .filter((each) => each !== undefined);
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, held]) => [key, plainly(held, duties, [...path, key], here)] as const,
    );
    return Object.fromEntries(members.filter(([, held]) => held !== undefined));
  }
  if (here.keep !== undefined) {
    if (typeof value === 'number') return 0;
    if (typeof value === 'boolean') return false;
    if (typeof value !== 'string') return value;
    const characters = [...value];
    const kept =
      here.keep > 0 && characters.length >= 2 * here.keep ? characters.slice(-here.keep) : [];
    return `***${kept.join('')}`;
  }
  if (here.cut === undefined || typeof value !== 'string') return value;
  return [...value].length <= here.cut ? value : `${[...value].slice(0, here.cut).join('')}…`;
}

interface Over {
  isHashed?: boolean;
  keep?: number;
  cut?: number;
}

function leadsTo(given: string, path: readonly string[]): boolean {
  const segments = given
    .split('/')
    .slice(1)
    .map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));
  return (
    segments.length === path.length &&
    segments.every((each, at) => each === '*' || each === path[at])
  );
}

/** JSON.parse, with members that stand twice as the last of them, as redaction leaves them. */
const parsed = (given: string): unknown => JSON.parse(given);

test('what is done is what the contract says', () => {
  let changed = 0;
  fc.assert(
    fc.property(fc.array(duty, { minLength: 1, maxLength: 4 }), json, (duties, given) => {
      const text = made(duties, given);
      let wanted: unknown;
      try {
        wanted = plainly(parsed(given), duties, [], {});
      } catch {
        // It has no canonical form, so that it must be refused.
        expect(text).toBeUndefined();
        return;
      }
      if (text === undefined) {
        // A member that stands twice and comes first may have no canonical form either.
        expect(given).toMatch(/\\ud[89a-f]|[eE]\+?\d{3}|\d{300}/);
        return;
      }
      if (text !== given) changed++;
      expect(parsed(text)).toEqual(wanted === undefined ? null : wanted);
    }),
    { numRuns: 4_000 },
  );
  expect(changed).toBeGreaterThan(500);
});

test('what is no JSON is refused, and what is none of its business stays byte for byte', () => {
  fc.assert(
    fc.property(
      json,
      fc.nat(),
      fc.oneof(fc.constant(''), fc.string({ maxLength: 3 })),
      fc.nat(3),
      (whole, at, extra, cut) => {
        const place = at % (whole.length + 1);
        const given = Buffer.from(
          whole.slice(0, place) + extra + whole.slice(place + cut),
        ).toString();
        let isJson = true;
        try {
          JSON.parse(given.replace(/^\ufeff/, ''));
        } catch {
          isJson = false;
        }
        const text = made([mask('/no/such/field/anywhere'), redact('iban')], given);
        if (given !== '') expect(text).toBe(isJson ? given : undefined);
      },
    ),
    { numRuns: 8_000 },
  );
});

test('what is hidden never appears, and what lies beside it stays byte for byte', () => {
  const canary = 'CANARY-7f3a';
  const hidden = fc.oneof(
    spelled(canary),
    spelled(`x${canary}y`),
    fc.tuple(json, spelled(canary)).map(([one, two]) => `[${one},{"deep":[${two}]}]`),
    spelled(canary).map((value) => `{"a":${value},"a":1}`),
  );
  fc.assert(
    fc.property(
      json,
      hidden,
      hidden,
      spelled('secret'),
      fc.constantFrom(mask, hash, drop),
      (beside, one, two, field, hide) => {
        const given = `{"b":${beside},${field}:${one} ,"c":[${beside}],${field}:${two}}`;
        const text = made([hide('/secret')], given);
        if (text === undefined) {
          expect(given).toMatch(/\\ud[89a-f]|[eE]\+?\d{3}|\d{300}/);
          return;
        }
        expect(JSON.stringify(parsed(text))).not.toContain(canary);
        expect(text).not.toContain(canary);
        expect(text.startsWith(`{"b":${beside},`) || text.startsWith(`{"b":${beside}`)).toBe(true);
        expect(text).toContain(`"c":[${beside}]`);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('what a detector looks for never appears, whatever stands around it', () => {
  const around = fc.oneof(
    fc.string({ unit: fc.constantFrom(...' .,;:()"\\\n<>你，。') }),
    fc.constant(''),
  );
  const found = fc.constantFrom(
    'lin@example.com',
    '4111111111111111',
    '4111 1111 1111 1111',
    '11010519491231002X',
  );
  const disguised = found.chain((plain) =>
    fc.constantFrom(
      plain,
      [...plain]
        .map((each) => String.fromCharCode(each.charCodeAt(0) + (each === ' ' ? 0 : 0xfee0)))
        .join(''),
      [...plain].join('\u200b'),
      [...plain].map((each) => `&#${each.charCodeAt(0)};`).join(''),
      [...plain].map((each) => `%${each.charCodeAt(0).toString(16)}`).join(''),
    ),
  );
  const search = [redact('email', 'payment-card', 'cn-id')];
  fc.assert(
    fc.property(around, disguised, around, (before, secret, after) => {
      const value = before + secret + after;
      fc.pre(!/[\da-zA-Z]$/.test(before) && !/^[\da-zA-Z]/.test(after));
      for (const given of [JSON.stringify({ x: value }), JSON.stringify({ [value]: 1 })]) {
        const text = made(search, given);
        expect(text).toBeDefined();
        expect(JSON.stringify(parsed(text ?? ''))).not.toContain(
          JSON.stringify(secret).slice(1, -1),
        );
        expect(text).toMatch(/\[(?:email|payment-card|cn-id)\]/);
      }
    }),
    { numRuns: 2_000 },
  );
});
