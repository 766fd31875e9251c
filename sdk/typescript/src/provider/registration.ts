import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code } from '@connectrpc/connect';
import { type Backoff, backoffMs, delay } from '../delay.ts';
import { toCallError, WeirCallError } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { RegistryService } from '../gen/weir/registry/v1/registry_pb.ts';
import { EndpointSpecSchema } from '../gen/weir/registry/v1/resources_pb.ts';
import { manifestOf, type ProviderDefinition, typeManifestsOf } from './definition.ts';

/** Something that happened to a served provider. */
export interface ProviderEvent {
  readonly kind:
    | 'registered'
    | 'reregistered'
    | 'updated'
    | 'deregistered'
    | 'register-failed'
    | 'heartbeat-failed'
    | 'heartbeat-recovered'
    | 'draining'
    | 'closed'
    | 'fetch-failed';
  /** What happened, for people. */
  readonly text: string;
  /** What caused it. Absent when nothing went wrong. */
  readonly error?: unknown;
}

/** What a registration works with. */
export interface RegistrationOptions {
  /** The provider as it is at the moment; its name and version stay. */
  readonly current: () => ProviderDefinition;
  readonly registry: Client<typeof RegistryService>;
  /** The address that routers are told. */
  readonly endpointUrl: string;
  /** Whether another manifest under the same name and version is replaced. */
  readonly replace: boolean;
  readonly onEvent: (event: ProviderEvent) => void;
}

/**
 * The life of a registration. `registering` and `waiting` alternate until Weir takes it; `live`
 * sends heartbeats, `failures` counts those that failed in a row; a forgotten lease leads back
 * to `registering`; `refused` is the end, and only reached before the first success. `what` is
 * only the endpoint when Weir remembers, so that what somebody deregistered stays so.
 */
export type RegistrationState =
  | { readonly kind: 'registering'; readonly attempt: number; readonly what: What }
  | {
      readonly kind: 'waiting';
      readonly attempt: number;
      readonly what: What;
      readonly retryDelayMs: number;
    }
  | { readonly kind: 'live'; readonly lease: Lease; readonly failures: number }
  | { readonly kind: 'refused'; readonly error: WeirCallError }
  | { readonly kind: 'stopped' };

/** What is to be registered. */
type What = 'all' | 'endpoint';

interface Lease {
  readonly endpointId: string;
  readonly leaseMs: number;
  /** The installation that gave it. */
  readonly epoch: string;
}

/** A registration that keeps itself alive. */
export interface Registration {
  /** Resolves when registered for the first time; rejects when Weir refuses for good. */
  readonly registered: Promise<void>;
  /** The endpoint's id while it is registered. */
  endpointId(): string | undefined;
  /** Registers what the provider has become. */
  update(): Promise<void>;
  /** Stops heartbeats. The lease then runs out, unless it is given back. */
  stop(): Promise<void>;
}

const begin = { kind: 'registering', attempt: 0, what: 'all' } as const satisfies RegistrationState;

const backoff: Backoff = { firstMs: 250, maxMs: 10_000 };

const permanentCodes: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.Unauthenticated,
]);

/** Registers a provider and keeps it registered until stopped. */
export function openRegistration(options: RegistrationOptions): Registration {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = deferred();
  let state: RegistrationState = begin;
  let lease: Lease | undefined;

  function setState(next: RegistrationState): void {
    state = next;
    if (next.kind === 'live') {
      lease = next.lease;
      first.resolve();
    }
    if (next.kind === 'refused') first.reject(next.error);
  }

  async function run(): Promise<void> {
    while (state.kind !== 'refused' && state.kind !== 'stopped') {
      const isFirst = lease === undefined;
      const next = await step(state, { ...options, isFirst, signal });
      setState(signal.aborted ? { kind: 'stopped' } : next);
    }
  }

  const ended = run().catch(first.reject);
  return {
    registered: first.promise,
    endpointId: () => lease?.endpointId,
    update: () => registerAgain({ ...options, signal }),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** What calls of Weir need. */
type Calling = Pick<RegistrationOptions, 'current' | 'registry'> & {
  readonly signal: AbortSignal;
};

interface Step extends RegistrationOptions {
  /** Whether it never was registered before. */
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
}

type Alive = Exclude<RegistrationState, { kind: 'refused' } | { kind: 'stopped' }>;

async function step(state: Alive, options: Step): Promise<RegistrationState> {
  switch (state.kind) {
    case 'registering':
      return register(state, options);
    case 'waiting': {
      const waitMs = Math.max(backoffMs(backoff, state.attempt), state.retryDelayMs);
      await pause(waitMs, options.signal);
      return { kind: 'registering', attempt: state.attempt + 1, what: state.what };
    }
    case 'live': {
      const beatMs = (state.lease.leaseMs / 3) * (0.9 + Math.random() / 10);
      const again = Math.min(beatMs, backoffMs(backoff, state.failures - 1));
      await pause(state.failures === 0 ? beatMs : again, options.signal);
      return options.signal.aborted ? { kind: 'stopped' } : heartbeat(state, options);
    }
    default:
      return state satisfies never;
  }
}

async function register(
  { attempt, what }: Extract<Alive, { kind: 'registering' }>,
  options: Step,
): Promise<RegistrationState> {
  const { isFirst, signal, onEvent } = options;
  const provider = options.current();
  const name = `${provider.name}@${provider.version}`;
  try {
    const lease = await (what === 'all' ? registerAll(options) : registerEndpoint(options));
    const kind = isFirst ? 'registered' : 'reregistered';
    onEvent({ kind, text: `${name} is ${kind} at ${options.endpointUrl}` });
    return { kind: 'live', lease, failures: 0 };
  } catch (thrown) {
    const error = toCallError(thrown);
    if (signal.aborted) return { kind: 'stopped' };
    if (what === 'endpoint' && error.code === Code.NotFound) {
      const text = `${name} was deregistered; it is served again once somebody registers it`;
      if (attempt === 0) onEvent({ kind: 'deregistered', text });
    } else {
      onEvent({ kind: 'register-failed', text: `${name}: ${error.message}`, error });
    }
    if (isFirst && permanentCodes.has(error.code)) return { kind: 'refused', error };
    return { kind: 'waiting', attempt, what, retryDelayMs: error.retryDelayMs ?? 0 };
  }
}

async function heartbeat(
  { lease, failures }: Extract<Alive, { kind: 'live' }>,
  { registry, current, signal, onEvent }: Step,
): Promise<RegistrationState> {
  const provider = current();
  const name = `${provider.name}@${provider.version}`;
  try {
    const timeoutMs = Math.max(1_000, lease.leaseMs / 3);
    const request = { endpointIds: [lease.endpointId] };
    const answer = await registry.heartbeat(request, { signal, timeoutMs });
    if (answer.unknownEndpointIds.length > 0) {
      const remembers = answer.epoch !== '' && answer.epoch === lease.epoch;
      return { ...begin, what: remembers ? 'endpoint' : 'all' };
    }
    if (failures > 0) onEvent({ kind: 'heartbeat-recovered', text: `${name} is heard again` });
    const leaseMs = answer.lease ? durationMs(answer.lease) : lease.leaseMs;
    return { kind: 'live', lease: { ...lease, leaseMs }, failures: 0 };
  } catch (thrown) {
    const error = toCallError(thrown);
    if (error.reason === Reason.LEASE_UNKNOWN) return begin;
    if (!signal.aborted) {
      onEvent({ kind: 'heartbeat-failed', text: `${name}: ${error.message}`, error });
    }
    return { kind: 'live', lease, failures: failures + 1 };
  }
}

/** Everything that Weir must know of, in an order that never dangles. Doing it again is safe. */
async function registerAll(options: Step): Promise<Lease> {
  await registerTypes(options);
  await registerManifest(options);
  return registerEndpoint(options);
}

async function registerTypes({ current, registry, signal }: Calling): Promise<void> {
  for (const manifest of typeManifestsOf(current())) {
    const source = { case: 'manifest', value: manifest } as const;
    await registry.publishType({ source }, { signal }).catch((thrown: unknown) => {
      const error = toCallError(thrown);
      if (error.reason !== Reason.BUILT_IN) throw error;
      throw withAdvice(error, `drop \`schema\` of ${manifest.name}`);
    });
  }
}

async function registerEndpoint(options: Step): Promise<Lease> {
  const { current, registry, endpointUrl, signal } = options;
  const provider = current();
  const { endpoint, lease, epoch } = await registry.registerEndpoint(
    {
      provider: provider.name,
      version: provider.version,
      endpoint: create(EndpointSpecSchema, { url: endpointUrl }),
    },
    { signal },
  );
  if (endpoint === undefined || lease === undefined) {
    const text = 'Weir answered a registration without an endpoint or lease';
    throw new WeirCallError({ code: Code.Internal, text });
  }
  return { endpointId: endpoint.id, leaseMs: Math.max(1, durationMs(lease)), epoch };
}

async function registerManifest(options: Calling & { replace: boolean }): Promise<void> {
  const { current, registry, replace, signal } = options;
  const provider = current();
  const source = { case: 'manifest', value: manifestOf(provider) } as const;
  try {
    await registry.registerProvider({ source }, { signal });
  } catch (thrown) {
    const error = toCallError(thrown);
    if (error.code !== Code.AlreadyExists) throw error;
    if (!replace) throw withAdvice(error, 'raise its version, or set `replace`');
    await replaceManifest(options);
  }
}

async function replaceManifest({ current, registry, signal }: Calling): Promise<void> {
  const provider = current();
  const source = { case: 'manifest', value: manifestOf(provider) } as const;
  const { name, version } = provider;
  const held = await registry.getProvider({ name, version }, { signal });
  await registry.updateProvider({ source, etag: held.provider?.etag ?? '' }, { signal });
}

/** When Weir has forgotten it, the next heartbeat finds out and registers what it then is. */
async function registerAgain(options: Calling & Pick<Step, 'onEvent'>): Promise<void> {
  const { name, version } = options.current();
  await registerTypes(options);
  await replaceManifest(options);
  options.onEvent({ kind: 'updated', text: `${name}@${version} has another manifest` });
}

function withAdvice(error: WeirCallError, advice: string): WeirCallError {
  return new WeirCallError({ ...error, text: `${error.text} (${advice})`, cause: error });
}

/** Waits unless stopped. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, signal).catch(() => {});
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/** Promise.withResolvers is younger than the oldest Node that this package runs on. */
function deferred(): Deferred {
  let settle: Pick<Deferred, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  return {
    promise,
    resolve: () => settle?.resolve(),
    reject: (error) => settle?.reject(error),
  };
}
