import type { JsonObject } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import { type ArgumentCheck, compileArguments } from './argument-schema.ts';

// What the worker thread that checks arguments runs.

/** What the thread is given: arguments, and their schema, both as JSON. */
export interface ArgumentsJob {
  /** The same for the same schema. */
  readonly id: string;
  readonly schema: string;
  readonly arguments: Uint8Array;
}

/** What does not fit; undefined: the schema cannot be compiled. */
export type ArgumentsFound = readonly string[] | undefined;

const COMPILED_MAX = 100;
const compiled = new LRUCache<string, ArgumentCheck | 'faulty'>({ max: COMPILED_MAX });
const decoder = new TextDecoder();

/** Checks the arguments of one call. */
export function doJob({ id, schema, arguments: bytes }: ArgumentsJob): ArgumentsFound {
  const check = compiled.get(id) ?? compile(schema);
  compiled.set(id, check);
  return check === 'faulty' ? undefined : check(JSON.parse(decoder.decode(bytes)));
}

function compile(schema: string): ArgumentCheck | 'faulty' {
  try {
    return compileArguments(JSON.parse(schema) as JsonObject);
  } catch {
    return 'faulty';
  }
}
