import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  type Client,
  Code,
  createClient,
  createRouterTransport,
} from '@connectrpc/connect';
import { ItemRefused, type Refusal } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type Content,
  type Failure,
  type FetchResult,
  type ListResponse,
  ProviderService,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { readPayload } from '../payload.ts';
import type { OnFault } from '../provider/answer.ts';
import type { Caller } from '../provider/context.ts';
import type { ProviderDefinition } from '../provider/definition.ts';
import { createProviderService } from '../provider/service.ts';
import { type Sensitivity, sensitivityFromWire } from '../sensitivity.ts';
import type { PayloadOf } from '../types.ts';
import { wholeResults } from './assemble.ts';
import { refusalOf } from './refusals.ts';

/** How a provider under test is asked. */
export interface TestFetchOptions {
  /** The etag that the router is said to hold. Default: none. */
  readonly knownEtag?: string | undefined;
  /** For whom. Default: tenant `test`, no principal, no attributes. */
  readonly caller?: Partial<Caller> | undefined;
  /** The version of the type. Default: the one offered. */
  readonly typeVersion?: string | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /** The time of the call, in milliseconds. Default: none. */
  readonly timeoutMs?: number | undefined;
}

/** What to list. */
export interface TestListOptions extends Omit<TestFetchOptions, 'knownEtag'> {
  /** Only keys that begin with this. Default: all. */
  readonly keyPrefix?: string | undefined;
  /** Only what matches these words. Default: all. */
  readonly text?: string | undefined;
  /** The greatest number of entries. Default: 50. */
  readonly pageSize?: number | undefined;
  /** Where to go on. Default: at the beginning. */
  readonly pageToken?: string | undefined;
}

/** A value as a router receives it. */
export interface TestContent<T> {
  readonly kind: 'content';
  /** The value: parsed when it is JSON, a string when it is text, else its bytes. */
  readonly value: T;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly etag: string;
  readonly asOf?: Date;
  readonly ttlMs?: number;
  readonly sensitivity?: Sensitivity;
  readonly quality?: number;
  readonly source: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** What a router receives for a query. */
export type TestOutcome<T> =
  | TestContent<T>
  | { readonly kind: 'not-modified'; readonly ttlMs?: number }
  | { readonly kind: 'not-found' }
  | {
      readonly kind: 'failure';
      readonly code: Code;
      readonly text: string;
      readonly retryDelayMs?: number;
    };

/** A provider under test. */
export interface TestProvider {
  /**
   * Fetches one value.
   *
   * @throws {ItemRefused} when there is no such key, or the provider failed.
   */
  fetch<T extends string>(
    type: T,
    key: string,
    options?: TestFetchOptions,
  ): Promise<TestContent<PayloadOf<T>>>;
  /** Fetches one value and says what became of it, whatever it is. */
  query<T extends string>(
    type: T,
    key: string,
    options?: TestFetchOptions,
  ): Promise<TestOutcome<PayloadOf<T>>>;
  /**
   * Lists keys of a type.
   *
   * @throws {ConnectError} when the type cannot be listed, or the provider failed.
   */
  list(type: string, options?: TestListOptions): Promise<ListResponse>;
  /** The provider's own methods, message by message. */
  readonly client: Client<typeof ProviderService>;
}

/** How a test is run. */
export interface TestProviderOptions {
  /** Told of each error of the provider's functions. Default: written to the console. */
  readonly onFault?: OnFault | undefined;
}

/**
 * Opens a provider in memory. What is asked and answered passes through the real encoding, and
 * no server is needed. There is nothing to close.
 */
export function openTestProvider(
  provider: ProviderDefinition,
  options: TestProviderOptions = {},
): TestProvider {
  const client = openProviderClient(provider, options.onFault);
  const query = async <T>(type: string, key: string, given: TestFetchOptions = {}) => {
    const { knownEtag = '', typeVersion = '', caller } = given;
    const queries = [{ type, typeVersion, key, knownEtag }];
    const answers = client.fetch({ queries, caller: whole(caller) }, callOf(given));
    for await (const result of wholeResults(answers)) return readResult<T>(result);
    throw new TypeError(`the provider gave no result for ${type}/${key}`);
  };
  return {
    client,
    query: (type, key, given) => query(type, key, given),
    async fetch<T extends string>(type: T, key: string, given: TestFetchOptions = {}) {
      const outcome = await query<PayloadOf<T>>(type, key, given);
      if (outcome.kind === 'content') return outcome;
      throw new ItemRefused({ type, key }, whyNot(outcome));
    },
    list(type, given = {}) {
      const { typeVersion = '', keyPrefix = '', text = '', pageSize = 50, pageToken = '' } = given;
      const request = { type, typeVersion, keyPrefix, query: text, pageSize, pageToken };
      return client.list({ ...request, caller: whole(given.caller) }, callOf(given));
    },
  };
}

/** A client of a provider in memory. */
export function openProviderClient(
  provider: ProviderDefinition,
  onFault: OnFault = logFault,
): Client<typeof ProviderService> {
  const service = createProviderService(() => provider, onFault);
  const transport = createRouterTransport((router) => router.service(ProviderService, service));
  return createClient(ProviderService, transport);
}

function whyNot(outcome: Exclude<TestOutcome<unknown>, { kind: 'content' }>): Refusal {
  switch (outcome.kind) {
    case 'not-found':
      return refusalOf(Reason.KEY_NOT_FOUND);
    case 'not-modified': {
      const text = 'the value has not changed: ask without knownEtag, or with query()';
      const reason = Reason.UNSPECIFIED;
      return { code: Code.FailedPrecondition, reason, text, offeredVersions: [] };
    }
    case 'failure':
      return { ...outcome, reason: Reason.PROVIDER_FAILED, offeredVersions: [] };
    default:
      return outcome satisfies never;
  }
}

function readResult<T>({ outcome }: FetchResult): TestOutcome<T> {
  switch (outcome.case) {
    case 'content':
      return readContent<T>(outcome.value);
    case 'notModified': {
      const { ttl } = outcome.value;
      return { kind: 'not-modified', ...(ttl && { ttlMs: durationMs(ttl) }) };
    }
    case 'failure':
      return readFailure(outcome.value);
    default:
      return { kind: 'not-found' };
  }
}

function readContent<T>(content: Content): TestContent<T> {
  const { payload, contentType, etag, asOf, ttl, quality, source, labels, owner } = content;
  const sensitivity = sensitivityFromWire(content.sensitivity);
  return {
    kind: 'content',
    value: readPayload(contentType, payload) as T,
    bytes: payload,
    contentType,
    etag,
    source,
    labels,
    owner,
    ...(asOf && { asOf: timestampDate(asOf) }),
    ...(ttl && { ttlMs: durationMs(ttl) }),
    ...(sensitivity && { sensitivity }),
    ...(quality !== undefined && { quality }),
  };
}

function readFailure({ code, text, retryDelay }: Failure): TestOutcome<never> {
  const retry = retryDelay && { retryDelayMs: durationMs(retryDelay) };
  return { kind: 'failure', code, text, ...retry };
}

function whole(caller: Partial<Caller> | undefined) {
  const attributes: JsonObject = { ...caller?.attributes };
  return { tenant: caller?.tenant ?? 'test', principal: caller?.principal ?? '', attributes };
}

function callOf({ signal, timeoutMs }: TestFetchOptions): CallOptions {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

function logFault({ what, error }: Parameters<OnFault>[0]): void {
  console.error(`provider failed at ${what}:`, error);
}
