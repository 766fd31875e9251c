import type { JsonObject } from '@bufbuild/protobuf';
import type { Sensitivity } from '../sensitivity.ts';
import type { PayloadOf } from '../types.ts';
import type { Cleaner, SchemaCheck } from './cleaner.ts';
import { contextFaults } from './faults.ts';
import type { ByteStream } from './parts.ts';
import type { ProviderError } from './provider-error.ts';

/** A JSON Schema (2020-12), as a plain object. */
export type JsonSchema = JsonObject;

/** For whom a provider is asked. Never holds the caller's credentials. */
export interface Caller {
  /** The tenant. */
  readonly tenant: string;
  /** The principal; empty unless the provider sets `wantsPrincipal`. */
  readonly principal: string;
  /** The attributes of the principal that the provider's `principalAttributes` name. */
  readonly attributes: Readonly<JsonObject>;
}

/** One value to fetch. */
export interface ContextQuery {
  /** The key. */
  readonly key: string;
  /** The etag of the value that the router holds; empty when it holds none. */
  readonly knownEtag: string;
  /** For whom. */
  readonly caller: Caller;
  /** Aborted when the answer is no longer wanted: pass it on to whatever you wait for. */
  readonly signal: AbortSignal;
}

/** A value, and what is known of it. */
export interface ContextValue<T> {
  /**
   * The value: sent as JSON, a string as it is, bytes as they are. What is larger than a message
   * is sent in parts; what should not be held whole is given as a stream of bytes, such as a
   * `ReadableStream`, with its `sizeBytes`. Consumers get what is above 4 MiB by a link.
   */
  readonly value: T | Uint8Array | string | ByteStream;
  /** How many bytes the stream holds; given with a stream only. */
  readonly sizeBytes?: number | undefined;
  /**
   * The media type. Default: `application/json`; for a string `text/plain; charset=utf-8`, for
   * bytes and streams `application/octet-stream`.
   */
  readonly contentType?: string | undefined;
  /** The tag of this state of the value. Default: from a SHA-256 hash of the bytes; no stream has one. */
  readonly etag?: string | undefined;
  /** When this was the value. Default: now. */
  readonly asOf?: Date | undefined;
  /** How long it stays true, in milliseconds. Default: the context's `ttlMs`. */
  readonly ttlMs?: number | undefined;
  /** How sensitive it is. Default: the context's `sensitivity`. */
  readonly sensitivity?: Sensitivity | undefined;
  /** How good it is, from 0 to 1. Default: not judged. */
  readonly quality?: number | undefined;
  /** The place within the source, such as a file name and line; shown to callers. */
  readonly source?: string | undefined;
  /** Names and values that describe it; policies can read them. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Who owns it in the source. */
  readonly owner?: string | undefined;
}

/** Says that the value with the known etag is still the value. */
export interface NotModified {
  readonly notModified: true;
  /** How long it stays true from now on, in milliseconds. Default: the context's `ttlMs`. */
  readonly ttlMs?: number | undefined;
}

/** What `fetch` answers when `knownEtag` is still the tag of the value. */
export const notModified: NotModified = Object.freeze({ notModified: true });

/** What may become of a query. `undefined`: there is no such key. */
export type FetchAnswer<T> = ContextValue<T> | NotModified | undefined;

/** What to list. */
export interface ListQuery {
  /** Only keys that begin with this. Empty: all. */
  readonly keyPrefix: string;
  /** Only what matches these words, best first. Empty: all, by key. */
  readonly text: string;
  /** The greatest number of entries to return; at least 1. */
  readonly pageSize: number;
  /** Where to go on: your `nextPageToken` of the page before. Empty: at the beginning. */
  readonly pageToken: string;
  /** For whom. */
  readonly caller: Caller;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
}

/** A key that can be fetched. */
export interface ListEntry {
  /** The key. */
  readonly key: string;
  /** What it is called, for people. */
  readonly title?: string | undefined;
  /** A few words of it, or about it. */
  readonly summary?: string | undefined;
  /** How well it matches the words asked for, from 0 to 1. */
  readonly score?: number | undefined;
  /** When it last changed. */
  readonly updateTime?: Date | undefined;
  /** How sensitive the item is: policies decide by it who finds it. Default: the context's. */
  readonly sensitivity?: Sensitivity | undefined;
  /** The item's labels, for policies. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The item's owner, for policies. */
  readonly owner?: string | undefined;
  /** The media type of the value. */
  readonly contentType?: string | undefined;
  /** The size of the value in bytes. */
  readonly sizeBytes?: number | undefined;
}

/** A page of keys. */
export interface ListPage {
  /** The entries. */
  readonly entries: readonly ListEntry[];
  /** Where the next page begins. Absent or empty: this is the last page. */
  readonly nextPageToken?: string | undefined;
}

/** A form of keys that a provider has. */
export interface KeyTemplateSpec {
  /** The form: a URI template (RFC 6570, levels 1 to 3), such as `page/{id}`. */
  readonly template: string;
  /** The name, unique in the context. */
  readonly name: string;
  /** What people call it. */
  readonly title?: string | undefined;
  /** What such keys stand for. */
  readonly description?: string | undefined;
  /** The media type of the values, when all have one. */
  readonly contentType?: string | undefined;
}

/** What is there of a value that somebody writes: an argument, or a part of a key. */
export interface CompletionQuery {
  /** The argument, or the variable of the template. */
  readonly argument: string;
  /** The template, when a key is being written. */
  readonly template?: string | undefined;
  /** What is there of it. */
  readonly value: string;
  /** The others, as far as they are known. */
  readonly known: Readonly<Record<string, string>>;
  /** For whom. */
  readonly caller: Caller;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Some of the values that could be suggested. */
export interface Suggestions {
  /** The best of them, best first. */
  readonly values: readonly string[];
  /** How many there are in all. Default: not known. */
  readonly total?: number | undefined;
  /** Whether there are more. Default: no. */
  readonly hasMore?: boolean | undefined;
}

/** Suggests values, best first: all that there are, or some; of more than 100 the first are sent. */
export type Suggest = (query: CompletionQuery) => MaybeLater<readonly string[] | Suggestions>;

type MaybeLater<T> = Promise<T> | T;

/** A context type that a provider offers, and how it gets the values. */
export interface ContextSpec<N extends string, T> {
  /** The name of the context type, such as `DocChunk`. */
  readonly type: N;
  /** The version of the type that the values conform to, semver. */
  readonly version: string;
  /**
   * The JSON Schema of the values. Given for a type of your own, it is published before the
   * provider is registered; left out for built-in types and types published elsewhere.
   */
  readonly schema?: JsonSchema | undefined;
  /** What people call the type; used when it is published. */
  readonly title?: string | undefined;
  /** The provider has only keys that begin with this. Default: any key. */
  readonly keyPrefix?: string | undefined;
  /**
   * Among whom a cached value may be shared. Default: `tenant`, or `principal` when the provider
   * is told of the principal.
   */
  readonly scope?: 'tenant' | 'principal' | 'none' | undefined;
  /** How long a value stays true when it does not say, in milliseconds. Default: not cached. */
  readonly ttlMs?: number | undefined;
  /** How long past that it may be served while it is refreshed, in milliseconds. Default: 0. */
  readonly staleWhileRevalidateMs?: number | undefined;
  /** How long the absence of a key may be remembered, in milliseconds. Default: 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** How sensitive values are when they do not say. Default: `internal`. */
  readonly sensitivity?: Sensitivity | undefined;
  /** What routers do with values that break the schema of the type. Default: `none`. */
  readonly schemaCheck?: SchemaCheck | undefined;
  /** What routers mend in JSON values, in this order; at most 16. Default: nothing. */
  readonly cleaners?: readonly Cleaner[] | undefined;
  /**
   * What a complete value has: JSON Pointers to fields that are neither absent, null nor empty;
   * at most 64. Default: those that the schema requires at its top, when values are checked.
   */
  readonly completeFields?: readonly string[] | undefined;
  /**
   * Gets one value; `undefined` when there is no such key. Throw a `ProviderError` to say what
   * went wrong; of any other error callers only learn that there was one.
   */
  fetch?(query: ContextQuery): Promise<FetchAnswer<T>> | FetchAnswer<T>;
  /**
   * Gets many values at once, for sources that can; the answers stand in the order of the
   * queries. In place of `fetch`. A `ProviderError` among the answers fails that query alone.
   */
  fetchMany?(
    queries: readonly ContextQuery[],
    signal: AbortSignal,
  ): Promise<readonly (FetchAnswer<T> | ProviderError)[]>;
  /** Forms of the keys, for who looks for one; at most 100. Default: none are told. */
  readonly keyTemplates?: readonly KeyTemplateSpec[] | undefined;
  /** Suggests values for a variable of a template of `keyTemplates`. Left out: nothing is suggested. */
  readonly suggest?: Suggest | undefined;
  /** Lists keys. Left out: the type cannot be listed. */
  list?(query: ListQuery): Promise<ListPage> | ListPage;
}

/** A context as a provider offers it. Made by `defineContext`. */
export interface ContextDefinition extends ContextSpec<string, unknown> {}

/** The type of the values: given by hand, else what the name of the context type stands for. */
type ValueOf<T, N extends string> = [T] extends [never] ? PayloadOf<N> : NoInfer<T>;

/**
 * Declares a context type that a provider offers, and the function that gets its values.
 *
 * The values' type comes from the name of the type, if `ContextTypes` knows it, or is given by
 * hand: `defineContext<Ticket>({ type: 'Ticket', ... })`.
 *
 * @throws {TypeError} when the declaration has faults; the message names each.
 */
export function defineContext<T = never, N extends string = string>(
  spec: ContextSpec<N, ValueOf<T, N>>,
): ContextDefinition {
  const faults = contextFaults(spec);
  if (faults.length > 0) throw new TypeError(`context ${spec.type}: ${faults.join('; ')}`);
  // Answers are only ever read as unknown, so a context of any values is a context of unknown.
  return Object.freeze({ ...spec }) as ContextDefinition;
}
