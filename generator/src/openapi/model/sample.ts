import type { JsonSchema } from '@weir/sdk/provider';
import { membersOf, target } from './look.ts';

const depthMax = 5;
/** Values in one sample: schemas that refer to each other would make ever more of them. */
const valuesMax = 500;

type Definitions = Readonly<Record<string, JsonSchema>>;

/** A value that a schema allows, as far as that can be seen: for tests, where a document shows none. */
export function sampleOf(schema: JsonSchema, definitions: Definitions): unknown {
  return sampleAt(schema, { definitions, depth: 0, budget: { left: valuesMax } });
}

interface Place {
  readonly definitions: Definitions;
  readonly depth: number;
  readonly budget: { left: number };
}

function sampleAt(schema: JsonSchema, place: Place): unknown {
  place.budget.left -= 1;
  const at = target(schema, place.definitions);
  const [example] = Array.isArray(at.examples) ? at.examples : [];
  const [choice] = Array.isArray(at.enum) ? at.enum : [];
  const stated = at.const ?? example ?? at.default ?? choice;
  if (stated !== undefined) return stated;
  const [type] = Array.isArray(at.type) ? at.type : [at.type];
  switch (type) {
    case 'string':
      return textOf(at);
    case 'integer':
    case 'number':
      return typeof at.minimum === 'number' ? at.minimum : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return mayGoOn(place) ? [sampleAt((at.items ?? {}) as JsonSchema, below(place))] : [];
    default:
      return objectOf(at, place);
  }
}

function objectOf(schema: JsonSchema, place: Place): object {
  const entries: [string, unknown][] = [];
  for (const [name, held] of membersOf(schema, place.definitions)) {
    if (mayGoOn(place)) entries.push([name, sampleAt(held, below(place))]);
  }
  return Object.fromEntries(entries);
}

function mayGoOn({ depth, budget }: Place): boolean {
  return depth < depthMax && budget.left > 0;
}

function below(place: Place): Place {
  return { ...place, depth: place.depth + 1 };
}

const formats: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  'date-time': '2026-01-31T12:00:00Z',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function textOf({ format, minLength }: JsonSchema): string {
  const text = formats[String(format)] ?? 'text';
  return typeof minLength === 'number' ? text.padEnd(Math.min(minLength, 200), 'x') : text;
}
