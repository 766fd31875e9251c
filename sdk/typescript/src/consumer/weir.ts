import type { JsonObject } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { openTransport } from '#transport';
import { AuditService } from '../gen/weir/audit/v1/audit_pb.ts';
import { EventService } from '../gen/weir/events/v1/events_pb.ts';
import { PolicyService } from '../gen/weir/policy/v1/service_pb.ts';
import { AdminService } from '../gen/weir/registry/v1/admin_pb.ts';
import { RegistryService } from '../gen/weir/registry/v1/registry_pb.ts';
import { GroupService } from '../gen/weir/registry/v1/tool_groups_pb.ts';
import {
  type ContextEntry,
  type ExplainResponse,
  type ListContextResponse,
  type ListGap,
  RouterService,
} from '../gen/weir/router/v1/router_pb.ts';
import { CallLogService } from '../gen/weir/tools/v1/calls_pb.ts';
import { ToolService } from '../gen/weir/tools/v1/tools_pb.ts';
import { type RefInput, toRef } from '../ref.ts';
import { signCalls } from '../sign.ts';
import type { Protocol, TlsOptions } from '../transport.ts';
import type { PayloadOf } from '../types.ts';
import { type Addresses, checkUrls, openAddresses } from './addresses.ts';
import { type CallToolOptions, callTool, type ToolOutcome } from './call.ts';
import { type CallSettings, type FetchOptions, fetchAll, fetchRequest } from './fetch.ts';
import { createFollow, followAll, followAsTheyCome, readItemValue } from './follow.ts';
import { createGetBatcher, type GetOptions } from './get.ts';
import type { ContextItem, ItemOutcome } from './item.ts';
import {
  createPublish,
  type EventInput,
  type NewEvent,
  type Published,
  type PublishOptions,
} from './publish.ts';
import { type RequeueOptions, requeueDead } from './requeue.ts';
import { withCallPolicy } from './resilience.ts';
import { streamAll } from './stream.ts';
import { type DeliveredEvent, type SubscribeOptions, subscribeTo } from './subscribe.ts';
import { type WorkHandler, type WorkOptions, workOn } from './work.ts';

/** How to reach Weir. */
export interface WeirOptions {
  /**
   * Where Weir listens, such as `http://127.0.0.1:7070`. Of several addresses, at most 16, the first is
   * used until it is UNAVAILABLE, then the next one; subscriptions go on there from where they were.
   */
  readonly url: string | readonly string[];
  /**
   * The API key, `weir_...`, or an access token of an issuer that Weir knows. To be left out only
   * where the certificate in `tls` says who calls.
   */
  readonly key?: string | undefined;
  /** Signs every call with the key, which then stays here. Needs a key that asks for it. Default: false. */
  readonly sign?: boolean | undefined;
  /** Certificates for https, in Node. */
  readonly tls?: TlsOptions | undefined;
  /**
   * How calls are written on the wire. Default: `grpc` in Node, `grpc-web` in browsers. `websocket` has many
   * calls and subscriptions on one connection, in browsers and in Node 22 or later.
   */
  readonly protocol?: Protocol | undefined;
  /** The time of a call that sets none itself, in milliseconds, retries included. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How often a safe call is tried again at most. Default: 3. */
  readonly retries?: number | undefined;
  /** The least quality acceptable where a fetch does not say, from 0 to 1. Default: any. */
  readonly minQuality?: number | undefined;
  /** Carries the calls in place of the platform's own transport; `url` and `protocol` are unused. */
  readonly transport?: Transport | undefined;
}

/** What to list. */
export interface ListOptions extends CallSettings {
  /** The context type. Default: all types. */
  readonly type?: string | undefined;
  /** Only keys that begin with this. */
  readonly keyPrefix?: string | undefined;
  /** Only what matches these words, best match first. */
  readonly query?: string | undefined;
  /** Only this provider's. Default: all providers. */
  readonly provider?: string | undefined;
  /** The greatest number of entries of a page, 1 to 500. Default: 50. */
  readonly pageSize?: number | undefined;
  /** Where to go on: `nextPageToken` of the page before, with the same other options. */
  readonly pageToken?: string | undefined;
  /** What the call is for, as of a fetch. Default: not stated. */
  readonly purpose?: string | undefined;
  /** Told of each provider that could not be asked, and whose entries are therefore missing. */
  readonly onGap?: ((gap: ListGap) => void) | undefined;
}

/** A client of Weir. Made by `createWeir`; safe to share, made once per process. */
export interface Weir {
  /**
   * Gets one item. Gets of the same tick travel in one call, each with its own outcome, time and
   * signal.
   *
   * @throws {ItemRefused} when the item cannot be had.
   * @throws {WeirCallError} when the whole call failed, is late or was cancelled.
   */
  get<T extends string>(
    type: T,
    key: string,
    options?: GetOptions,
  ): Promise<ContextItem<PayloadOf<T>>>;
  /**
   * Fetches any number of refs, one call for each 256 of them, and returns an outcome for each, in
   * their order. Items that cannot be had are outcomes, not throws; items over the response
   * budget are asked for again by themselves.
   *
   * @throws {WeirCallError} when a whole call failed.
   * @throws {TypeError} when a text is no ref.
   */
  fetch(refs: readonly RefInput[], options?: FetchOptions): Promise<ItemOutcome[]>;
  /**
   * Fetches any number of refs and yields each outcome as soon as it is there. Leaving the loop
   * cancels what is still under way. A stream that breaks off because Weir stops, or cannot be
   * reached for a moment, goes on by itself with what is still open.
   *
   * @throws {WeirCallError} when a whole call failed.
   * @throws {TypeError} when a text is no ref.
   */
  stream(refs: readonly RefInput[], options?: FetchOptions): AsyncIterable<ItemOutcome>;
  /**
   * Reads the value of an item piece by piece, also one that lies at a link: fetch it with
   * `links: 'keep'`. Size and hash are checked on the way, so that what was read counts only once
   * the loop has ended without an error.
   *
   * @throws {WeirCallError} when it cannot be read (UNAVAILABLE) or is another value (DATA_LOSS).
   */
  readValue(item: ContextItem<unknown>, options?: CallSettings): AsyncIterable<Uint8Array>;
  /**
   * Lists what there is to fetch, page after page as the loop goes on.
   *
   * @throws {WeirCallError} when a page cannot be had.
   */
  list(options?: ListOptions): AsyncIterable<ContextEntry>;
  /**
   * Lists one page of what there is to fetch.
   *
   * @throws {WeirCallError} when the page cannot be had.
   */
  listPage(options?: ListOptions): Promise<ListContextResponse>;
  /**
   * Fetches up to 256 refs and says why each was routed and served as it was.
   *
   * @throws {WeirCallError} when the whole call failed.
   * @throws {TypeError} when a text is no ref.
   */
  explain(refs: readonly RefInput[], options?: FetchOptions): Promise<ExplainResponse>;
  /**
   * Calls a tool: an operation of a provider, by its name in Weir, such as `tickets__create`. It is
   * called once, whatever fails. A tool that failed by itself is an outcome with `isError`.
   *
   * @throws {WeirCallError} when it is not there, may not be called, or could not be called; also
   * when it has to ask its caller something, for which `weir.tools` is there.
   */
  call(tool: string, given?: JsonObject, options?: CallToolOptions): Promise<ToolOutcome>;
  /**
   * Publishes an event. When it answers, the event is committed and Weir hands out no item of its
   * refs as it was before. What fails as UNAVAILABLE is tried again, and published once all the same.
   *
   * @throws {WeirCallError} when it is refused, or Weir cannot be reached.
   * @throws {TypeError} when the data has no JSON, or a text is no ref.
   */
  publish(topic: string, event?: EventInput, options?: PublishOptions): Promise<Published>;
  /**
   * Publishes 1 to 256 events in their order, of 512 KiB together at most: all of them or none.
   *
   * @throws {WeirCallError} when one is refused, or Weir cannot be reached.
   * @throws {TypeError} when data has no JSON, or a text is no ref.
   */
  publish(events: readonly NewEvent[], options?: PublishOptions): Promise<Published>;
  /**
   * Yields the events of 1 to 16 topics as they come: `page.updated`, `page.*` for all that begin
   * with `page.`, or `*`. Goes on by itself from where it was when Weir stops, cannot be reached, says
   * nothing for 25 s or cut it off for being slow; for ever, until the loop is left or the signal is
   * aborted. An event comes at least once; those of one key come in their order.
   *
   * @throws {WeirCallError} when it is refused; OUT_OF_RANGE: what came after the cursor is not kept
   * any more; CANCELED: the signal was aborted.
   */
  subscribe(
    topics: string | readonly string[],
    options?: SubscribeOptions,
  ): AsyncIterable<DeliveredEvent>;
  /**
   * Works on the events of 1 to 16 topics, as one of all workers of a group: each event goes to one of
   * them at a time. It is done when the handler's promise resolves, and comes again when that rejects;
   * what failed too often becomes a dead letter. Of one key only one event is worked on at a time, in
   * their order. Goes on by itself when Weir stops or cannot be reached, until the signal is aborted;
   * then it resolves.
   *
   * @throws {WeirCallError} when it is refused; OUT_OF_RANGE: what the group is to get next is not kept
   * any more, and it has to be made anew with `reset`.
   */
  work(
    group: string,
    topics: string | readonly string[],
    handler: WorkHandler,
    options?: WorkOptions,
  ): Promise<void>;
  /**
   * Gives dead letters of a group back to its workers, as events that were never tried, and says how
   * many. What of them dies again meanwhile stays dead.
   *
   * @throws {WeirCallError} when it is refused, or Weir cannot be reached; what was pulled by then is a
   * dead letter again after 30 s.
   */
  requeue(group: string, options?: RequeueOptions): Promise<number>;
  /** The catalogue: providers, consumers, context types. */
  readonly registry: Client<typeof RegistryService>;
  /** Tenants, principals and keys. */
  readonly admin: Client<typeof AdminService>;
  /** Policies: who may do what. */
  readonly policy: Client<typeof PolicyService>;
  /** What was done, by whom, and under which rule. */
  readonly audit: Client<typeof AuditService>;
  /** The router's own methods, message by message. */
  readonly router: Client<typeof RouterService>;
  /** Events, message by message. */
  readonly events: Client<typeof EventService>;
  /** Named sets of tools, with keys of their own. */
  readonly groups: Client<typeof GroupService>;
  /** What was called of tools, and how it went. */
  readonly calls: Client<typeof CallLogService>;
  /** Tools, message by message. */
  readonly tools: Client<typeof ToolService>;
  /** Ends the connections; calls under way fail. A client that is not closed holds up no exit. */
  close(): void;
}

const defaults = { timeoutMs: 10_000, retries: 3 };

/**
 * Makes a client of Weir. Connects with the first call.
 *
 * @throws {TypeError} when the URL or the key cannot be right, or there is no credential.
 */
export function createWeir(options: WeirOptions): Weir {
  const { retries = defaults.retries, minQuality } = options;
  const timeoutMs = checkTimeout(options.timeoutMs ?? defaults.timeoutMs);
  const key = credentialOf(options);
  const ways = openWays(options);
  const transport = withCallPolicy(ways.transport, { key, timeoutMs, retries });
  const router = createClient(RouterService, transport);
  const events = createClient(EventService, transport);
  const complete = <Options extends FetchOptions>(given: Options) => ({
    ...given,
    minQuality: given.minQuality ?? minQuality,
    timeoutMs: checkTimeout(given.timeoutMs ?? timeoutMs),
  });
  const follow = createFollow(ways.current);
  const followWithin = <Options extends FetchOptions & { timeoutMs: number }>(given: Options) => {
    const deadline = performance.now() + given.timeoutMs;
    return (outcome: ItemOutcome) => follow(outcome, { ...given, deadline });
  };
  const tools = createClient(ToolService, transport);
  const get = createGetBatcher((refs, given) => fetchAll(router, refs, given), follow);

  return {
    async get<T extends string>(type: T, key: string, given: GetOptions = {}) {
      const { versionRange, provider, ...rest } = given;
      const item = await get({ type, key, versionRange, provider }, complete(rest));
      return item as ContextItem<PayloadOf<T>>;
    },
    async fetch(refs, given = {}) {
      const whole = complete(given);
      const followOne = followWithin(whole);
      return followAll(await fetchAll(router, refs, whole), followOne);
    },
    stream(refs, given = {}) {
      const left = new AbortController();
      const signal = AbortSignal.any([left.signal, ...(given.signal ? [given.signal] : [])]);
      const whole = { ...complete(given), signal };
      const outcomes = streamAll(router, refs, { ...whole, retries });
      return followAsTheyCome(outcomes, followWithin(whole), () => left.abort());
    },
    readValue: (item, given = {}) => {
      const deadline = performance.now() + checkTimeout(given.timeoutMs ?? timeoutMs);
      return readItemValue(item, { base: ways.current(), deadline, signal: given.signal });
    },
    list: (given = {}) => listAll(router, given),
    listPage: (given = {}) => router.listContext(...listCall(given)),
    async explain(refs, given = {}) {
      const { signal, ...rest } = complete(given);
      const fetch = fetchRequest(refs.map(toRef), rest);
      return router.explain({ fetch }, { timeoutMs: rest.timeoutMs, ...(signal && { signal }) });
    },
    call: (tool, given = {}, settings = {}) => callTool(tools, tool, given, settings),
    publish: createPublish(events),
    subscribe: (topics, given = {}) => subscribeTo(events, { ...given, topics: [topics].flat() }),
    work: (group, topics, handler, given = {}) =>
      workOn(events, { ...given, group, topics: [topics].flat(), handler }),
    requeue: (group, given = {}) => requeueDead(events, group, given),
    registry: createClient(RegistryService, transport),
    admin: createClient(AdminService, transport),
    policy: createClient(PolicyService, transport),
    audit: createClient(AuditService, transport),
    router,
    events,
    groups: createClient(GroupService, transport),
    calls: createClient(CallLogService, transport),
    tools,
    close: ways.close,
  };
}

async function* listAll(
  router: Client<typeof RouterService>,
  options: ListOptions,
): AsyncIterable<ContextEntry> {
  let pageToken = options.pageToken ?? '';
  do {
    const page = await router.listContext(...listCall({ ...options, pageToken }));
    for (const gap of page.gaps) options.onGap?.(gap);
    yield* page.entries;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

function listCall(options: ListOptions) {
  const { type = '', keyPrefix = '', query = '', provider = '', purpose = '' } = options;
  const { pageSize = 0, pageToken = '', timeoutMs, signal } = options;
  return [
    { type, keyPrefix, query, provider, purpose, pageSize, pageToken },
    { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) },
  ] as const;
}

function openWays({ url, transport, protocol, tls, sign, key = '' }: WeirOptions): Addresses {
  const given = transport && { transport, close: () => {} };
  const signed = sign && { sign: (by: Protocol) => signCalls(key, by) };
  return openAddresses(
    transport ? [url].flat() : checkUrls(url),
    (each) => given ?? openTransport({ url: each, protocol, tls, ...signed }),
  );
}

function credentialOf({ key, tls, sign }: WeirOptions): string | undefined {
  if (key === undefined && tls?.cert !== undefined && !sign) return undefined;
  return checkKey(key ?? '');
}

function checkKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new TypeError('key is empty or holds characters that no API key holds: give `weir_...`');
}

function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= 2 ** 31 - 1) return timeoutMs;
  throw new TypeError(`timeoutMs is ${timeoutMs}: give milliseconds, more than 0`);
}
