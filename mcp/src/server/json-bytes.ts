import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { isObject } from './json-rpc.ts';
import { invalidParams } from './params.ts';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What stands in bytes of JSON; undefined: they hold none. */
export function readJson(bytes: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(decoder.decode(bytes)) as JsonValue;
  } catch {
    return undefined;
  }
}

/** The object that stands in bytes of JSON; undefined: there is none. */
export function readObject(bytes: Uint8Array): JsonObject | undefined {
  const value = readJson(bytes);
  return isObject(value) ? value : undefined;
}

/** The bytes of what a client sent. Throws where it is nested too deeply to be written. */
export function jsonBytes(value: JsonValue): Uint8Array {
  try {
    return encoder.encode(JSON.stringify(value));
  } catch {
    throw invalidParams('params are nested too deeply');
  }
}
