/** A value of JSON, as it was read. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** An object of JSON. */
export interface JsonObject {
  [name: string]: Json;
}

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is an object; else an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The value if it is a list; else an empty one. */
export function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is a text; else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A JSON Pointer with further segments. */
export function pointerTo(pointer: string, ...segments: readonly (string | number)[]): string {
  const escaped = segments.map((segment) =>
    String(segment).replaceAll('~', '~0').replaceAll('/', '~1'),
  );
  return [pointer, ...escaped].join('/');
}
