import type { JsonObject } from '@bufbuild/protobuf';
import { errorCodes, isObject, McpError } from './json-rpc.ts';

const URI_MAX_CHARS = 4096;
const NAME_MAX_CHARS = 256;

/** Says that the params of a request are at fault, and how to mend them. */
export function invalidParams(text: string, data?: JsonObject): McpError {
  return new McpError(errorCodes.invalidParams, text, { data });
}

/** A text that has to be there. */
export function textOf(params: JsonObject, name: string, maxChars = NAME_MAX_CHARS): string {
  const value = params[name];
  if (typeof value === 'string' && value !== '' && value.length <= maxChars) return value;
  throw invalidParams(`params.${name} must be a text of 1 to ${maxChars} characters`);
}

/** A text that may be left out. */
export function optionalTextOf(params: JsonObject, name: string, maxChars?: number): string {
  return params[name] === undefined ? '' : textOf(params, name, maxChars);
}

/** The URI of a resource. */
export function uriOf(params: JsonObject): string {
  return textOf(params, 'uri', URI_MAX_CHARS);
}

/** An object that may be left out. */
export function objectOf(params: JsonObject, name: string): JsonObject {
  const value = params[name];
  if (value === undefined) return {};
  if (isObject(value)) return value;
  throw invalidParams(`params.${name} must be an object`);
}

/** Texts by their names, that may be left out. */
export function textsOf(params: JsonObject, name: string): Record<string, string> {
  const given = Object.entries(objectOf(params, name));
  const texts = given.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length === given.length) return Object.fromEntries(texts);
  throw invalidParams(`params.${name} must hold texts only`);
}

/** What a request says of itself beside its params. */
export function metaOf(params: JsonObject): JsonObject {
  return isObject(params._meta) ? params._meta : {};
}

/** What progress is to be told under; undefined: nobody wants to know. */
export function progressTokenOf(params: JsonObject): string | number | undefined {
  const { progressToken } = metaOf(params);
  return typeof progressToken === 'string' || typeof progressToken === 'number'
    ? progressToken
    : undefined;
}
