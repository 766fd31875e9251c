import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { WatchRequestSchema, type WatchResponse } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { callerOfRegistrar } from '../identity/registrar.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Duties, Place } from './duties.ts';
import type { Duty } from './duty.ts';
import { type Part, partsOf, together } from './parts.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { type TakeInDeps, type Teller, takingIn } from './take-in.ts';
import type { WatchFailure } from './watch-metrics.ts';
import { watchKey } from './watched.ts';

/** What watching needs. */
export interface WatchDeps extends TakeInDeps {
  readonly upstream: Pick<Upstream, 'watch'>;
  readonly duties: Pick<Duties, 'move'>;
}

/** The longest cursor, in bytes. */
export const CURSOR_MAX_BYTES = 1024;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 30_000;
/** Of what is this side of the provider; it waits meanwhile. */
const COMMIT_RETRY_MAX_MS = 2_000;
/** Before more is read of a provider that told nothing that was taken, so that a flood of that costs little. */
const NOTHING_TAKEN_MS = 100;
/** A call that lasted so long, or brought events, went well. */
const STEADY_MS = 5_000;

/** Watches a provider for as long as the duty lasts; what goes wrong is told once, until it goes well. */
export async function watchProvider(
  deps: WatchDeps,
  duty: Duty,
  place: Place | undefined,
): Promise<void> {
  const loop = new WatchLoop(deps, duty, place);
  await loop.run();
}

class WatchLoop {
  readonly #deps: WatchDeps;
  readonly #duty: Duty;
  readonly #refusals: Refusals;
  #place: Place | undefined;
  #retryMs = RETRY_MIN_MS;
  #told = new Set<WatchFailure>();

  constructor(deps: WatchDeps, duty: Duty, place: Place | undefined) {
    this.#deps = deps;
    this.#duty = duty;
    this.#place = place;
    this.#refusals = createRefusals(deps.log, duty.provider);
  }

  async run(): Promise<void> {
    const { signal } = this.#duty;
    const { clock } = this.#deps;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      try {
        await this.#listen();
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
      }
      if (clock.monotonicMs() - startMs > STEADY_MS) this.#wentWell();
      await this.#pause();
    }
  }

  /** Waits before the provider is called again, unless it is to be called elsewhere meanwhile. */
  async #pause(): Promise<void> {
    const shown = new AbortController();
    using _ = this.#duty.onShown(() => shown.abort());
    const signal = AbortSignal.any([this.#duty.signal, shown.signal]);
    // With jitter, so that not all watches come back to a provider at once.
    const waitMs = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }

  #wentWell(): void {
    this.#retryMs = RETRY_MIN_MS;
    this.#told.delete('provider');
  }

  /** Until the provider, or the duty, ends it. */
  async #listen(): Promise<void> {
    const { upstream } = this.#deps;
    const { signal } = this.#duty;
    const place = this.#place ?? (await this.#begin());
    const request = create(WatchRequestSchema, { cursor: place.cursor });
    const elsewhere = new AbortController();
    const provider = this.#trusted();
    const ending = AbortSignal.any([signal, elsewhere.signal]);
    const { endpoint, messages } = upstream.watch(provider, request, ending);
    using _ = this.#duty.onShown(() => {
      const { version, usable } = this.#duty.provider;
      const isSame = ({ id, registrar }: Endpoint) =>
        id === endpoint.id && registrar === endpoint.registrar;
      if (version !== provider.version || !usable.some(isSame)) elsewhere.abort();
    });
    const requestId = randomUUID();
    let parts = 0;
    const nextPart = () => parts++;
    try {
      for await (const told of messages) {
        if (told.some(({ events }) => events.length > 0)) this.#wentWell();
        const caller = this.#callerOf(endpoint.registrar);
        if (!caller) throw notRegistered(provider);
        const teller = { provider, caller, requestId, nextPart, refusals: this.#refusals };
        const taken = await this.#takeIn(teller, told);
        if (taken === 0) await sleep(NOTHING_TAKEN_MS, undefined, { signal: ending });
      }
    } catch (error) {
      if (!elsewhere.signal.aborted) throw error;
    }
  }

  /** The version, with only those endpoints that somebody registered who may still publish. */
  #trusted(): ProviderVersion {
    const { provider } = this.#duty;
    const usable = provider.usable.filter(({ registrar }) => this.#callerOf(registrar));
    if (usable.length === 0) throw notRegistered(provider);
    return usable.length === provider.usable.length ? provider : { ...provider, usable };
  }

  #callerOf(registrar: string) {
    return callerOfRegistrar(this.#deps.holder.current, this.#duty.provider.tenant, registrar);
  }

  /** Commits what came, and notes its place; nothing more is read before. Says how much was taken. */
  async #takeIn(teller: Teller, told: readonly WatchResponse[]): Promise<number> {
    const before = this.#place;
    if (!before) throw new Error('it is watched from nowhere');
    let place = before;
    const parts: Part[] = [];
    for (const message of told) {
      requireCursor(teller.provider, message.cursor);
      parts.push(...partsOf(message, place));
      place = { run: place.run, cursor: message.cursor || place.cursor };
    }
    let taken = 0;
    for (const group of together(parts)) {
      taken += await this.#until('log', takingIn(this.#deps, teller, group));
    }
    if (place.cursor !== before.cursor) await this.#move(place);
    return taken;
  }

  /** Begins where there is no cursor; the place is noted, so that others go on from it. */
  async #begin(): Promise<Place> {
    const place = { run: randomUUID(), cursor: '' };
    await this.#move(place);
    return place;
  }

  async #move(place: Place): Promise<void> {
    const { tenant, name: provider } = this.#duty.provider;
    await this.#until('duty', async (signal) => {
      if (await this.#deps.duties.move({ tenant, provider }, place, signal)) this.#place = place;
      else this.#duty.end();
    });
    this.#duty.signal.throwIfAborted();
  }

  /** Does what must be done before anything more is read; again and again, while the duty lasts. */
  async #until<T>(what: WatchFailure, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#duty;
    for (let retryMs = RETRY_MIN_MS; ; retryMs = Math.min(2 * retryMs, COMMIT_RETRY_MAX_MS)) {
      try {
        const done = await this.#whileHeld(work);
        this.#told.delete(what);
        return done;
      } catch (error) {
        signal.throwIfAborted();
        this.#tell(what, error);
      }
      await sleep(retryMs, undefined, { signal });
    }
  }

  /** What is committed late could come after what another router has read since. */
  async #whileHeld<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const leftMs = this.#duty.leftMs();
    if (leftMs <= 0) this.#duty.end();
    this.#duty.signal.throwIfAborted();
    const over = new AbortController();
    const alarm = setTimeout(() => over.abort(), leftMs);
    try {
      return await work(AbortSignal.any([this.#duty.signal, over.signal]));
    } finally {
      clearTimeout(alarm);
    }
  }

  #failed(error: unknown): void {
    const { code } = ConnectError.from(error);
    if (code !== Code.OutOfRange || !this.#place?.cursor) {
      this.#tell('provider', error);
      return;
    }
    const provider = watchKey(this.#duty.provider);
    this.#deps.counts.failed('cursor');
    const text = 'a watched provider does not know its cursor any more: what was between is lost';
    this.#deps.log.warn({ provider }, text);
    this.#place = undefined;
  }

  #tell(what: WatchFailure, error: unknown): void {
    this.#deps.counts.failed(what);
    const level = this.#told.has(what) ? 'debug' : 'warn';
    this.#told.add(what);
    const provider = watchKey(this.#duty.provider);
    this.#deps.log[level]({ provider, what, err: error }, 'watching a provider fails');
  }
}

function requireCursor({ name }: ProviderVersion, cursor: string): void {
  if (Buffer.byteLength(cursor) <= CURSOR_MAX_BYTES && !cursor.includes('\0')) return;
  const text = `provider ${name} sent a cursor of over ${CURSOR_MAX_BYTES} bytes, or with U+0000; send a shorter one`;
  throw refuse(Reason.PROVIDER_GARBAGE, text);
}

function notRegistered({ name, version }: ProviderVersion) {
  const text = `provider ${name} ${version} is at no address that a principal registered who is there and enabled; register it again`;
  return refuse(Reason.PROVIDER_UNAVAILABLE, text);
}
