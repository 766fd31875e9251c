import type { JsonSchema } from '@weir/sdk/provider';
import type { Catalog } from './introspect.ts';
import type { FieldRow, TypeRow } from './introspect-queries.ts';
import type { Codec } from './runtime/codec.ts';

/** What is known of the values of a column: how they are read, and what they are in JSON. */
export interface DescribedType {
  /** The type that texts are cast to, as SQL writes it. */
  readonly sql: string;
  readonly codec: Codec;
  readonly schema: JsonSchema;
  /** Whether a value can be a part of a key. */
  readonly isKeyable: boolean;
}

/** How deep types are described within each other; what lies deeper is any value. */
const depthMax = 16;
const typmodHeader = 4;

/** Numbers of so many decimal digits are exact in JavaScript. */
const exactDigits = 15;

const date =
  'YYYY-MM-DD; "infinity", "-infinity" and years before Christ as PostgreSQL writes them';
const dateTime = '(?:[+-]?\\d{4,}-\\d\\d-\\d\\dT.+|-?infinity)';

type Plain = readonly [codec: Codec, schema: JsonSchema];

const integer = (bits: number): Plain => [
  'number',
  { type: 'integer', minimum: -(2 ** (bits - 1)), maximum: 2 ** (bits - 1) - 1 },
];
const float: Plain = [
  'number',
  { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] },
];

/** The types of pg_catalog whose values are more than a text. */
const plainTypes: Readonly<Record<string, Plain>> = {
  bool: ['boolean', { type: 'boolean' }],
  int2: integer(16),
  int4: integer(32),
  int8: ['text', { type: 'string', pattern: '^-?\\d{1,19}$', description: 'a whole number' }],
  oid: ['number', { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 }],
  float4: float,
  float8: float,
  money: ['text', { type: 'string', description: 'an amount in the form of the database' }],
  uuid: ['text', { type: 'string', format: 'uuid' }],
  bytea: ['bytes', { type: 'string', contentEncoding: 'base64' }],
  json: ['json', {}],
  jsonb: ['json', {}],
  date: ['text', { type: 'string', description: date }],
  time: ['text', { type: 'string', description: 'HH:MM:SS' }],
  timetz: ['text', { type: 'string', description: 'HH:MM:SS with the offset from UTC' }],
  timestamp: [
    'timestamp',
    { type: 'string', pattern: `^${dateTime}$`, description: 'date and time of no time zone' },
  ],
  timestamptz: [
    'timestamptz',
    { type: 'string', pattern: `^${dateTime}$`, description: 'date and time in UTC' },
  ],
  interval: ['text', { type: 'string', description: 'a duration of ISO 8601, such as P1DT2H' }],
  inet: ['text', { type: 'string', description: 'an address of a host or network' }],
  cidr: ['text', { type: 'string', description: 'a network' }],
};

/** Describes the type of a column, of a field or of an element. */
export function describeType(catalog: Catalog, oid: number, modifier: number): DescribedType {
  return describe(catalog, { oid, modifier, depth: 0 });
}

interface Place {
  readonly oid: number;
  readonly modifier: number;
  readonly depth: number;
}

function describe(catalog: Catalog, { oid, modifier, depth }: Place): DescribedType {
  const type = catalog.types.get(oid);
  if (!type || depth > depthMax) {
    return { sql: 'text', codec: 'text', schema: { type: 'string' }, isKeyable: false };
  }
  const inner = (place: Omit<Place, 'depth'>) => describe(catalog, { ...place, depth: depth + 1 });
  if (type.kind === 'd') return describeDomain(type, inner);
  if (type.element !== 0)
    return describeArray(catalog, type, inner({ oid: type.element, modifier }));
  switch (type.kind) {
    case 'c':
      return describeRecord(catalog, type, inner);
    case 'e':
      return { ...asText(type), schema: withComment({ enum: [...(type.labels ?? [])] }, type) };
    case 'r':
    case 'm':
      return describeRange(type, inner({ oid: type.subtype ?? 0, modifier: -1 }));
    default:
      return describePlain(type, modifier);
  }
}

type Inner = (place: Omit<Place, 'depth'>) => DescribedType;

/** A domain is its base type, whose checks the schema can only tell of. */
function describeDomain(type: TypeRow, inner: Inner): DescribedType {
  const base = inner({ oid: type.base, modifier: type.baseModifier });
  const checks = (type.checks ?? []).join(' ');
  const said = [type.comment, checks && `${type.name}: ${checks}`].filter(Boolean).join('. ');
  const schema = said ? { ...base.schema, description: said } : base.schema;
  return { ...base, schema };
}

function describeArray(catalog: Catalog, type: TypeRow, element: DescribedType): DescribedType {
  const delimiter = catalog.types.get(type.element)?.delimiter ?? ',';
  const codec = { array: element.codec, ...(delimiter !== ',' && { delimiter }) };
  // The dimensions of an array are no part of its type: an element may be an array of elements.
  const items = { anyOf: [element.schema, { type: 'null' }, { type: 'array' }] };
  return { sql: type.sql, codec, schema: { type: 'array', items }, isKeyable: false };
}

function describeRecord(catalog: Catalog, type: TypeRow, inner: Inner): DescribedType {
  const fields = catalog.fields.get(type.relation) ?? [];
  const described = fields.map((field: FieldRow) => {
    const { codec, schema } = inner({ oid: field.type, modifier: field.modifier });
    return { name: field.name, codec, schema: nullable(schema) };
  });
  // Schemas of Weir have no field of this name; values may.
  const namable = described.filter(({ name }) => name !== '__proto__');
  const properties = Object.fromEntries(namable.map(({ name, schema }) => [name, schema]));
  const required = namable.map(({ name }) => name);
  return {
    sql: type.sql,
    codec: { record: Object.fromEntries(described.map(({ name, codec }) => [name, codec])) },
    schema: withComment({ type: 'object', properties, required }, type),
    isKeyable: false,
  };
}

function describeRange(type: TypeRow, { codec, schema }: DescribedType): DescribedType {
  const bound = nullable(schema);
  const range = {
    type: 'object',
    description: 'a range; a bound that is not there is null',
    properties: {
      lower: bound,
      upper: bound,
      bounds: { enum: ['[)', '[]', '()', '(]', 'empty'] },
    },
    required: ['lower', 'upper', 'bounds'],
  } satisfies JsonSchema;
  return type.kind === 'r'
    ? { sql: type.sql, codec: { range: codec }, schema: range, isKeyable: false }
    : {
        sql: type.sql,
        codec: { multirange: codec },
        schema: { type: 'array', items: range },
        isKeyable: false,
      };
}

function describePlain(type: TypeRow, modifier: number): DescribedType {
  if (type.schema !== 'pg_catalog') return asText(type);
  if (type.name === 'numeric') return { ...describeNumeric(modifier), sql: type.sql };
  if (type.name === 'varchar' || type.name === 'bpchar') {
    const codec = type.name === 'bpchar' ? 'trimmed' : 'text';
    const maxLength = modifier >= typmodHeader && { maxLength: modifier - typmodHeader };
    return { ...asText(type), codec, schema: { type: 'string', ...maxLength } };
  }
  const [codec, schema] = (Object.hasOwn(plainTypes, type.name) && plainTypes[type.name]) || [];
  if (!codec || !schema) return asText(type);
  return { sql: type.sql, codec, schema, isKeyable: codec !== 'json' };
}

/** Digits beyond what a JSON number holds exactly would be lost: such numbers are texts. */
function describeNumeric(modifier: number): Omit<DescribedType, 'sql'> {
  const precision = modifier < typmodHeader ? undefined : (modifier - typmodHeader) >> 16;
  if (precision !== undefined && precision <= exactDigits) {
    const schema = { anyOf: [{ type: 'number' }, { enum: ['NaN'] }] };
    return { codec: 'number', schema, isKeyable: true };
  }
  const pattern = '^(?:-?\\d+(?:\\.\\d+)?|NaN|-?Infinity)$';
  const schema = { type: 'string', pattern, description: 'a decimal number' };
  return { codec: 'text', schema, isKeyable: true };
}

function asText(type: TypeRow): DescribedType {
  return { sql: type.sql, codec: 'text', schema: { type: 'string' }, isKeyable: true };
}

function withComment(schema: JsonSchema, { comment }: TypeRow): JsonSchema {
  return comment ? { ...schema, description: comment } : schema;
}

/** The schema of a value that may also be null. */
export function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: values, anyOf, description, ...rest } = schema;
  const said = description === undefined ? {} : { description };
  if (typeof type === 'string') return { type: [type, 'null'], ...rest, ...said };
  if (Array.isArray(values)) return { enum: [...values, null], ...rest, ...said };
  if (Array.isArray(anyOf)) return { anyOf: [...anyOf, { type: 'null' }], ...rest, ...said };
  return schema;
}
