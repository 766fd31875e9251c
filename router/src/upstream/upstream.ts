import { toBinary } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { type Clock, type Logger, type OutboundGuard, refuse, type SecretSource } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type CallRequest,
  CallRequestSchema,
  type CallResponse,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  type FetchRequest,
  type FetchResponse,
  type ListRequest,
  ListRequestSchema,
  type ListResponse,
  type WatchRequest,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { createAnswerGuard, createPageGuard } from './answer-guard.ts';
import { createCallGuard, createMessageGuard } from './call-guard.ts';
import { openConnections } from './connections.ts';
import { createEndpointChooser } from './endpoints.ts';
import { encodeFetchRequest } from './lean/encode-fetch.ts';
import { framed } from './lean/frames.ts';
import { headersBy } from './lean/passed-headers.ts';
import { logUpstream, type UpstreamObserver } from './observer.ts';
import { createPressures } from './pressure.ts';
import { type StreamDeps, streamFrom } from './stream.ts';
import { type Watching, watchFrom } from './watch.ts';

/** How one upstream call ends at the latest. */
export interface UpstreamLimits {
  readonly signal: AbortSignal;
  /** At least 1 is given to the provider, in whole milliseconds. */
  readonly timeoutMs: number;
  /** Is told what happened on the way, without addresses; for Explain. */
  readonly note?: (text: string) => void;
}

/** Calls providers, and keeps the bad ones from harming anybody else. */
export interface Upstream extends AsyncDisposable {
  /**
   * Fetches a batch from a provider version. Leave the loop as soon as all is answered: what
   * the provider still sends is thrown away, and the call ended.
   */
  fetch(
    provider: ProviderVersion,
    request: FetchRequest,
    limits: UpstreamLimits,
  ): AsyncIterable<FetchResponse>;
  /** Lists keys, from one endpoint of a provider version. */
  list(
    provider: ProviderVersion,
    request: ListRequest,
    limits: UpstreamLimits,
  ): Promise<ListResponse>;
  /** Listens to what a provider version tells, at one endpoint of it, until the signal is aborted. */
  watch(provider: ProviderVersion, request: WatchRequest, signal: AbortSignal): Watching;
  /**
   * Calls an operation. The last message is a result, a failure or what has to be asked; what comes
   * after it is thrown away.
   */
  call(
    provider: ProviderVersion,
    request: CallRequest,
    limits: CallLimits,
  ): AsyncIterable<CallResponse>;
  /** Asks for suggestions. */
  complete(
    provider: ProviderVersion,
    request: CompleteRequest,
    limits: UpstreamLimits,
  ): Promise<CompleteResponse>;
}

/** How a call of an operation ends at the latest. */
export interface CallLimits extends UpstreamLimits {
  /** Whether it may be made once more, when it is not known what became of it. */
  readonly repeatable: boolean;
  /** The time that the provider has for it, in ms. */
  readonly ownTimeoutMs: number;
}

/** What calling providers needs. */
export interface UpstreamOptions {
  readonly clock: Clock;
  readonly secrets: SecretSource;
  /** The way to addresses that users set. */
  readonly outbound: OutboundGuard;
  readonly log: Logger;
  /** Is told what becomes of calls, besides the log. */
  readonly observer?: UpstreamObserver;
  /** They set headers of calls, such as one that passes the trace on; nothing else of them is run. */
  readonly interceptors?: readonly Interceptor[];
}

/** Opens the way to providers; connections are opened as they are needed. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const { clock, secrets, log } = options;
  const observer = logUpstream(log, options.observer);
  const connections = openConnections(options.outbound);
  const passed = headersBy(options.interceptors ?? []);
  const deps: StreamDeps = {
    clock,
    observer,
    chooser: createEndpointChooser(clock),
    clientOf: connections.clientOf,
    pressureOf: createPressures(clock, observer),
  };

  const headersOf = (provider: ProviderVersion) => [
    ...authenticationOf(provider, secrets),
    ...passed(),
  ];

  return {
    fetch: (provider, request, limits) =>
      streamFrom(deps, limits, {
        provider,
        method: 'fetch',
        body: encodeFetchRequest(request),
        headers: headersOf(provider),
        openGuard: () => createAnswerGuard(provider, request.queries.length),
      }),
    async list(provider, request, limits) {
      const pages = streamFrom(deps, limits, {
        provider,
        method: 'list',
        body: framed(toBinary(ListRequestSchema, request)),
        headers: headersOf(provider),
        openGuard: () => createPageGuard(provider),
      });
      let answer: ListResponse | undefined;
      // To the end: only there stands whether it is to be believed.
      for await (const page of pages) answer = page;
      if (answer) return answer;
      throw refuse(Reason.PROVIDER_GARBAGE, `provider ${provider.name} sent no list`);
    },
    watch: (provider, request, signal) =>
      watchFrom(deps, { provider, request, headers: headersOf(provider), signal }),
    call: (provider, request, { repeatable, ownTimeoutMs, ...limits }) =>
      streamFrom(deps, limits, {
        ...{ provider, method: 'call', repeatable, ownTimeoutMs },
        body: framed(toBinary(CallRequestSchema, request)),
        headers: headersOf(provider),
        openGuard: () => createCallGuard(provider),
      }),
    async complete(provider, request, limits) {
      const answers = streamFrom(deps, limits, {
        provider,
        method: 'complete',
        body: framed(toBinary(CompleteRequestSchema, request)),
        headers: headersOf(provider),
        openGuard: () => createMessageGuard(CompleteResponseSchema),
      });
      let answer: CompleteResponse | undefined;
      for await (const one of answers) answer = one;
      if (answer) return answer;
      throw refuse(Reason.PROVIDER_GARBAGE, `provider ${provider.name} sent no suggestions`);
    },
    async [Symbol.asyncDispose]() {
      connections[Symbol.dispose]();
    },
  };
}

/** What a secret may hold to be sent in a header. */
const SENDABLE = /^[\x20-\x7e]+$/;

function authenticationOf(provider: ProviderVersion, secrets: SecretSource): readonly string[] {
  if (provider.bearer === '') return [];
  const secret = secrets.resolve(provider.bearer);
  if (secret !== undefined && SENDABLE.test(secret)) return ['authorization', `Bearer ${secret}`];
  const fault = secret === undefined ? 'does not know' : 'cannot send';
  throw refuse(
    Reason.PROVIDER_UNAVAILABLE,
    `this router ${fault} the secret that provider ${provider.name} asks for`,
  );
}
