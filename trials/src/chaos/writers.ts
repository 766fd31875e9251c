import { setTimeout } from 'node:timers/promises';
import { Reason, type Weir } from '@weir/sdk';
import { createRandom, type Random } from './random.ts';
import type { RegistryWrite, TokenRead } from './record.ts';
import { refusedCall, refusedItem } from './refused.ts';
import { type Held, objectKinds, put, remove, WRITTEN_TYPE } from './registry-objects.ts';

/** Somebody who changes the registry, one write after the other. */
export interface WriterOptions {
  /** By router. */
  readonly weirs: ReadonlyMap<string, Weir>;
  readonly tenant: string;
  /** Tells its objects from those of other writers. */
  readonly name: string;
  readonly seed: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** Told the token of every acknowledged write. */
  readonly onToken: (token: string) => void;
}

/** What a writer has done. */
export interface WriterLog {
  readonly writes: RegistryWrite[];
  readonly tokenReads: TokenRead[];
  /** What it wrote last and is there, by object. */
  readonly held: Map<string, Held>;
  /** The secrets of keys, also of those that were revoked, by object. */
  readonly secrets: Map<string, string>;
}

const WRITE_TIMEOUT_MS = 3_000;
const PAUSE_MS = { from: 40, to: 200 } as const;
const CREATE_SHARE = 0.45;
const CHANGE_SHARE = 0.75;
const HELD_MAX = 40; // of one writer; more are removed first

/**
 * Writes until the signal. An object whose write was not acknowledged is left alone from then
 * on: the write may come into force at any later time.
 */
export async function write(options: WriterOptions, log: WriterLog): Promise<void> {
  const random = createRandom(options.seed);
  let count = 0;
  while (!options.signal.aborted) {
    count += 1;
    await writeOnce(options, log, random, `s${count}`);
    await setTimeout(random.between(PAUSE_MS.from, PAUSE_MS.to));
  }
}

async function writeOnce(
  options: WriterOptions,
  log: WriterLog,
  random: Random,
  state: string,
): Promise<void> {
  const { tenant, nowMs } = options;
  const weir = random.pick([...options.weirs.values()]);
  const call = { weir, tenant, timeoutMs: WRITE_TIMEOUT_MS };
  const { object, held, act } = choose(options, log, random, state);
  const atMs = nowMs();
  const written = { object, timeoutMs: WRITE_TIMEOUT_MS, state: act === 'remove' ? null : state };
  try {
    const done =
      act === 'remove'
        ? { ...(await remove(call, held)), held: undefined }
        : await put(call, { ...held, state }, act === 'change' ? (held as Held) : undefined);
    // A key gets its name from the registry.
    const named = done.held ? objectOf(tenant, done.held) : object;
    log.writes.push({ ...written, object: named, atMs, endMs: nowMs() });
    if (done.held?.secret) log.secrets.set(named, done.held.secret);
    if (done.held) log.held.set(named, done.held);
    else log.held.delete(named);
    options.onToken(done.token);
    if (held.kind === 'provider')
      await readBack(options, log, random, { ...written, ...done, name: held.name });
  } catch (error) {
    log.held.delete(object);
    log.writes.push({ ...written, atMs, endMs: nowMs(), failed: refusedCall(error) });
  }
}

function choose(
  { tenant, name }: WriterOptions,
  { held }: WriterLog,
  random: Random,
  state: string,
): { object: string; held: Pick<Held, 'kind' | 'name'>; act: 'create' | 'change' | 'remove' } {
  const chance = held.size >= HELD_MAX ? 1 : random.next();
  if (held.size === 0 || chance < CREATE_SHARE) {
    const kind = random.pick(objectKinds);
    const created = { kind, name: kind === 'type' ? `T${name}${state}` : `${name}-${state}` };
    return { object: objectOf(tenant, created), held: created, act: 'create' };
  }
  const [object, chosen] = random.pick([...held]);
  const changes = chosen.kind === 'consumer' || chosen.kind === 'provider';
  return { object, held: chosen, act: changes && chance < CHANGE_SHARE ? 'change' : 'remove' };
}

/** What an object is called in the record. */
export function objectOf(tenant: string, { kind, name }: Pick<Held, 'kind' | 'name'>): string {
  return `${kind}/${tenant}/${name}`;
}

/** Asks any router, with the token of the write, for a key that only this state has. */
async function readBack(
  { weirs, nowMs }: WriterOptions,
  { tokenReads }: WriterLog,
  random: Random,
  written: { object: string; state: string | null; name: string; token: string },
): Promise<void> {
  const [router, weir] = random.pick([...weirs]);
  const read = { object: written.object, router, atMs: nowMs() };
  const key = `${written.state ?? 's'}/x`;
  const refs = [{ type: WRITTEN_TYPE, key, provider: written.name }];
  const request = { refs, consistencyToken: written.token };
  try {
    const call = { timeoutMs: WRITE_TIMEOUT_MS };
    const { results } = await weir.router.fetchContext(request, call);
    const { outcome } = results[0] ?? {};
    if (outcome?.case !== 'refusal') {
      tokenReads.push({ ...read, seen: false });
      return;
    }
    // Its endpoints answer nobody: what is routed to it is refused so.
    const { reason } = outcome.value;
    const there = reason === Reason.PROVIDER_UNAVAILABLE;
    const gone = reason === Reason.PROVIDER_UNKNOWN || reason === Reason.KEY_NOT_FOUND;
    if (there || gone) tokenReads.push({ ...read, seen: there === (written.state !== null) });
    else tokenReads.push({ ...read, refused: refusedItem(outcome.value) });
  } catch (error) {
    tokenReads.push({ ...read, refused: refusedCall(error) });
  }
}
