import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { distinct } from '../quality/schema-check.ts';

/** Says what of some arguments does not fit their schema; empty: they fit. */
export type ArgumentCheck = (value: unknown) => readonly string[];

const FAULTS_MAX = 5;
/** Of a dialect of before 2019, which says so. */
const OLD_DIALECT = /draft-0[467]/;

/**
 * Compiles the schema of a tool's arguments, of JSON Schema 2020-12 or, where it says so, draft 7; as
 * these have it, formats are no more than notes. Nothing is ever fetched. What is not plain may run for
 * ever, and is only for workers. Throws what the compiler says of a schema that it cannot take.
 */
export function compileArguments(schema: JsonObject): ArgumentCheck {
  const { $schema } = schema;
  const isOld = typeof $schema === 'string' && OLD_DIALECT.test($schema);
  const options = {
    ...({ allErrors: true, strict: false, logger: false, validateSchema: false } as const),
    validateFormats: false,
  };
  const ajv = isOld ? new Ajv(options) : new Ajv2020(options);
  const { $schema: _, ...rest } = schema;
  const validate = ajv.compile(rest);
  const required = new Set(listOf(schema.required));
  return (value) => {
    if (validate(value)) return none;
    // Models write null for what they would leave out.
    const meant = withoutNulls(value, required);
    if (meant && validate(meant)) return none;
    const faults = distinct(validate.errors ?? []);
    const more = faults.length - FAULTS_MAX;
    return [...faults.slice(0, FAULTS_MAX), ...(more > 0 ? [`${more} more faults`] : [])];
  };
}

const none: readonly string[] = [];

/** Arguments without those that are null and need not be there; undefined: there is none of these. */
function withoutNulls(
  value: unknown,
  required: ReadonlySet<JsonValue>,
): Record<string, unknown> | undefined {
  const all = Object.entries(value as object);
  const left = all.filter(([name, one]) => one !== null || required.has(name));
  return left.length < all.length ? Object.fromEntries(left) : undefined;
}

/** Keywords with which a check takes no longer than its value and schema are large. */
const plainKeywords: ReadonlySet<string> = new Set([
  ...['$schema', '$comment', 'title', 'description', 'default', 'examples', 'deprecated'],
  ...['readOnly', 'writeOnly', 'format', 'contentMediaType', 'contentEncoding'],
  ...['type', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties'],
  ...['maxProperties', 'required', 'properties', 'additionalProperties', 'items', 'prefixItems'],
  ...['anyOf', 'oneOf', 'allOf', 'not'],
]);

/** What a plain schema may have: schemas in it, how deep, and alternatives. */
const PLAIN_SCHEMAS_MAX = 150;
const PLAIN_DEPTH_MAX = 12;
const PLAIN_ALTERNATIVES_MAX = 16;

/** Whether a schema can be compiled and run without a worker: small, no patterns, no references. */
export function isPlain(schema: JsonObject): boolean {
  const left = { schemas: PLAIN_SCHEMAS_MAX, alternatives: PLAIN_ALTERNATIVES_MAX };
  return isPlainWithin(schema, left, PLAIN_DEPTH_MAX);
}

function isPlainWithin(
  schema: JsonValue | undefined,
  left: { schemas: number; alternatives: number },
  depth: number,
): boolean {
  if (typeof schema === 'boolean' || schema === undefined) return true;
  if (!isObject(schema) || depth === 0) return false;
  left.schemas -= 1;
  if (left.schemas < 0 || Object.keys(schema).some((keyword) => !plainKeywords.has(keyword))) {
    return false;
  }
  const { properties, additionalProperties, items, not, prefixItems } = schema;
  const alternatives = [schema.anyOf, schema.oneOf, schema.allOf].flatMap(listOf);
  left.alternatives -= alternatives.length;
  if (left.alternatives < 0) return false;
  const named = isObject(properties) ? Object.values(properties) : [];
  const inside = [...named, ...alternatives, ...listOf(prefixItems)];
  return [...inside, additionalProperties, items, not].every((each) =>
    isPlainWithin(each, left, depth - 1),
  );
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
