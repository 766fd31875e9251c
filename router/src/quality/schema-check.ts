import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Check } from './examine.ts';

/** Faults with which a value is worth nothing: each costs an equal share. */
const FAULTS_MAX = 5;

/**
 * Compiles a JSON Schema (2020-12, formats asserted, unknown formats ignored). Nothing is ever
 * fetched. It may run for ever, as the schema may be anybody's: only for workers. Throws what
 * the compiler says of a schema that it cannot take.
 */
export function compileSchema(json: string): Check {
  const schema = JSON.parse(json) as Record<string, unknown>;
  const ajv = new Ajv2020({ allErrors: true, strict: false, logger: false, validateSchema: false });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  const fields = requiredFields(schema);
  return (value) => {
    const faults = validate(value) ? [] : distinct(validate.errors ?? []);
    const more = faults.length - FAULTS_MAX;
    return {
      validity: Math.max(0, FAULTS_MAX - faults.length) / FAULTS_MAX,
      notes: [...faults.slice(0, FAULTS_MAX), ...(more > 0 ? [`${more} more faults`] : [])],
      fields,
    };
  };
}

/**
 * One fault for each place: the elements of a list are one place, and what the branches of an
 * alternative find wrong belongs to the place of the alternative.
 */
export function distinct(errors: readonly ErrorObject[]): string[] {
  const isAlternative = ({ keyword }: ErrorObject) => keyword === 'anyOf' || keyword === 'oneOf';
  const alternatives = new Map(
    errors.filter(isAlternative).map((error) => [placeOf(error), faultText(error)]),
  );
  const faults = new Map<string, string>();
  for (const error of errors) {
    const place = placeOf(error);
    const around = [...alternatives.keys()].find((each) => `${place}/`.startsWith(`${each}/`));
    if (around === undefined) faults.set(place, faults.get(place) ?? faultText(error));
    else faults.set(around, alternatives.get(around) ?? '');
  }
  return [...faults.values()];
}

function placeOf({ instancePath, params }: ErrorObject): string {
  const member: unknown =
    params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty;
  const place = instancePath.replaceAll(/\/\d+(?=\/|$)/g, '/*');
  return typeof member === 'string' ? `${place}/${member}` : place;
}

function faultText({ instancePath, message, params }: ErrorObject): string {
  const extra: unknown = params.additionalProperty ?? params.unevaluatedProperty;
  const which = typeof extra === 'string' ? `: ${extra}` : '';
  return `${instancePath || 'the value'}: ${message ?? 'breaks the schema'}${which}`;
}

/** Optional fields may be left out without loss. */
function requiredFields({ required }: Record<string, unknown>): string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}
