import { isDeepStrictEqual } from 'node:util';
import { type SchemaFault, schemaFaults } from '../json-schema/json-schema.ts';
import type { Schema } from '../json-schema/tree.ts';
import { type Direction, unique } from './goal.ts';
import { createBudget, createDocument, factOf, TooComplex } from './model.ts';
import { createProof } from './proof.ts';

/**
 * What a newer version of a schema must keep: `backward`, that all values valid under the older
 * are valid under the newer; `forward`, the reverse; `full`, both; `none`, nothing.
 */
export type CompatibilityMode = Direction | 'full' | 'none';

const maxFaults = 50;

/**
 * Tells where a newer version of a JSON Schema breaks what it must keep of an older one; nothing
 * if it keeps it. What cannot be shown to be kept from the structure of the schemas is told as a
 * fault too: what is let pass is sure. Paths are JSON pointers into the newer schema.
 *
 * Annotations (titles, descriptions, defaults, examples, keywords that begin with `x-`), the
 * order of lists without order, and the use of `$ref` make no difference. `pattern`, `format`
 * and unknown keywords must stay as they are, or go. Formats count as assertions.
 */
export function checkCompatibility(
  older: unknown,
  newer: unknown,
  mode: CompatibilityMode,
): SchemaFault[] {
  if (mode === 'none') return [];
  const [fault] = schemaFaults(newer);
  if (fault !== undefined) return [{ ...fault, text: `cannot be compared: ${fault.text}` }];
  const [oldFault] = schemaFaults(older);
  if (oldFault !== undefined) {
    const place = oldFault.path === '' ? '' : ` at ${oldFault.path}`;
    return [
      { path: '', text: `the older version cannot be compared: it ${oldFault.text}${place}` },
    ];
  }
  if (isDeepStrictEqual(older, newer)) return [];
  const directions: readonly Direction[] = mode === 'full' ? ['backward', 'forward'] : [mode];
  const faults = directions.flatMap((direction) =>
    // Both were found to be schemas above.
    compare(older as Schema, newer as Schema, direction),
  );
  return unique(faults).slice(0, maxFaults);
}

function compare(older: Schema, newer: Schema, direction: Direction): SchemaFault[] {
  const budget = createBudget();
  const before = createDocument(older, budget);
  const after = createDocument(newer, budget);
  const [from, to] = direction === 'backward' ? [before, after] : [after, before];
  try {
    return createProof(direction, after, budget).prove([factOf(from.root)], to.root, '');
  } catch (error) {
    if (!(error instanceof TooComplex)) throw error;
    const text =
      'cannot be compared: the two versions differ in too many alternatives at once; change fewer at a time';
    return [{ path: '', text }];
  }
}
