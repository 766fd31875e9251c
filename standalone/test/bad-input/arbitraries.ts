import fc from 'fast-check';

/** Any sequence of UTF-16 units: every script, halves of surrogate pairs, controls, NUL. */
export const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.nat({ max: 3000 }).map((length) => 'k'.repeat(length)),
  fc.constantFrom('', '..', 'a/../b', '\u0000', '\ud800', 'e\u0301', '\u202e', ' ', '__proto__'),
);

/** Any value that JSON can say, with the numbers and names that are often got wrong. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  anyText,
  fc.constantFrom(0, -0, -1, 2 ** 31, -(2 ** 31), 2 ** 53, 1e308, 0.1, null, true, {}, []),
  fc.constantFrom('1s', '-1s', 'secret://x', 'http://h:1', '1.0.0', '^1', 'DocChunk', '*a', '!!x'),
);

/** How a tree of JSON is changed at one place, chosen by a number. */
interface Change {
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'rename' | 'add';
  readonly name: string;
  readonly value: unknown;
}

const anyChange: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'remove', 'rename', 'add'),
  name: anyText,
  value: anyJson,
});

/** Trees that differ from a good one at a few places. */
export function changed(good: object): fc.Arbitrary<unknown> {
  return fc.array(anyChange, { maxLength: 4 }).map((changes) => {
    const tree: unknown = structuredClone(good);
    for (const change of changes) apply(tree, change);
    return tree;
  });
}

function apply(tree: unknown, { at, how, name, value }: Change): void {
  const places = placesOf(tree);
  const place = places[at % places.length];
  if (!place) return;
  const { holder, step } = place;
  const held = holder[step];
  switch (how) {
    case 'replace':
      holder[step] = value;
      return;
    case 'remove':
      delete holder[step];
      return;
    case 'rename':
      delete holder[step];
      define(holder, name, held);
      return;
    case 'add':
      define(holder, name, value);
      return;
    default:
      throw new Error(`no such change: ${how satisfies never}`);
  }
}

/** Also for a name such as `__proto__`. */
function define(holder: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(holder, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly step: string;
}

function placesOf(tree: unknown): Place[] {
  if (typeof tree !== 'object' || tree === null) return [];
  const holder = tree as Record<string, unknown>;
  return Object.keys(holder).flatMap((step) => [{ holder, step }, ...placesOf(holder[step])]);
}

/** How a sequence is changed at one place. */
interface Edit<T> {
  readonly at: number;
  readonly cut: number;
  readonly put: readonly T[];
}

function anyEdits<T>(piece: fc.Arbitrary<T>): fc.Arbitrary<Edit<T>[]> {
  const edit = fc.record({
    at: fc.nat(),
    cut: fc.nat({ max: 8 }),
    put: fc.array(piece, { maxLength: 8 }),
  });
  return fc.array(edit, { minLength: 1, maxLength: 6 });
}

/** Texts that differ from a good one at a few places. */
export function changedText(good: string): fc.Arbitrary<string> {
  const piece = fc.oneof(
    anyText,
    fc.constantFrom('\n', ': ', '- ', '&a ', '*a', '"', '{', '[', '\t'),
  );
  return anyEdits(piece).map((edits) => {
    let text = good;
    for (const { at, cut, put } of edits) {
      const start = at % (text.length + 1);
      text = text.slice(0, start) + put.join('') + text.slice(start + cut);
    }
    return text;
  });
}

/** Bytes that differ from good ones at a few places. */
export function changedBytes(good: Uint8Array): fc.Arbitrary<Buffer> {
  return anyEdits(fc.integer({ min: 0, max: 255 })).map((edits) => {
    let bytes = Buffer.from(good);
    for (const { at, cut, put } of edits) {
      const start = at % (bytes.length + 1);
      bytes = Buffer.concat([
        bytes.subarray(0, start),
        Buffer.from(put),
        bytes.subarray(start + cut),
      ]);
    }
    return bytes;
  });
}
