import { setTimeout } from 'node:timers/promises';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import type { Weir } from '@weir/sdk';
import { CacheStatusSchema, type ItemResult } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { itemKeys, itemKinds } from './items.ts';
import { createRandom, type Random } from './random.ts';
import type { Answer, Call } from './record.ts';
import { refusedCall, refusedItem } from './refused.ts';

/** A consumer that asks a router for items, again and again. */
export interface ReaderOptions {
  readonly weir: Weir;
  readonly router: string;
  readonly tenant: string;
  readonly seed: number;
  readonly nowMs: () => number;
  /** The newest token of the tenant's writes to the registry; empty before the first. */
  readonly token: () => string;
  readonly signal: AbortSignal;
}

const REFS_MAX = 12;
const TIMEOUT_MS = { from: 300, to: 2_500 } as const;
/** Calls that fail at once are no more frequent than others. */
const EVERY_MS = { from: 50, to: 250 } as const;
const PAUSE_MIN_MS = 10;
const MAX_AGES_MS = [0, 100, 1_000] as const;
const MAX_AGE_SHARE = 0.2;
const TOKEN_SHARE = 0.2;
const STREAM_SHARE = 0.4;

/** Asks until the signal; hands every call to `done`. */
export async function read(options: ReaderOptions, done: (call: Call) => void): Promise<void> {
  const random = createRandom(options.seed);
  while (!options.signal.aborted) {
    const nextMs = options.nowMs() + random.between(EVERY_MS.from, EVERY_MS.to);
    done(await callOnce(options, random));
    await setTimeout(Math.max(PAUSE_MIN_MS, nextMs - options.nowMs()));
  }
}

async function callOnce(options: ReaderOptions, random: Random): Promise<Call> {
  const { weir, router, tenant, nowMs, token } = options;
  const count = 1 + Math.floor(random.next() * REFS_MAX);
  const refs = Array.from({ length: count }, () => ({
    type: random.pick(itemKinds).type,
    key: random.pick(itemKeys),
  }));
  const method = random.next() < STREAM_SHARE ? ('stream' as const) : ('fetch' as const);
  const maxAgeMs = random.next() < MAX_AGE_SHARE ? random.pick(MAX_AGES_MS) : undefined;
  const timeoutMs = Math.round(random.between(TIMEOUT_MS.from, TIMEOUT_MS.to));
  const request = {
    refs,
    consistencyToken: random.next() < TOKEN_SHARE ? token() : '',
    ...(maxAgeMs === undefined ? {} : { maxAge: durationFromMs(maxAgeMs) }),
  };
  const answers: Answer[] = [];
  const startMs = nowMs();
  let failed: Call['failed'];
  try {
    for await (const result of ask(weir, method, request, timeoutMs)) {
      answers.push(answerOf(result));
    }
  } catch (error) {
    failed = refusedCall(error);
  }
  const asked = { method, router, tenant, startMs, endMs: nowMs(), timeoutMs, refs, answers };
  return { ...asked, ...(maxAgeMs === undefined ? {} : { maxAgeMs }), ...(failed && { failed }) };
}

async function* ask(
  { router }: Weir,
  method: Call['method'],
  request: Parameters<Weir['router']['fetchContext']>[0],
  timeoutMs: number,
): AsyncIterable<ItemResult> {
  if (method === 'fetch') {
    yield* (await router.fetchContext(request, { timeoutMs })).results;
    return;
  }
  for await (const { result } of router.streamContext({ fetch: request }, { timeoutMs })) {
    if (result) yield result;
  }
}

function answerOf({ index, age, cache, outcome }: ItemResult): Answer {
  const how = {
    index,
    ageMs: age ? durationMs(age) : 0,
    cache: CacheStatusSchema.value[cache]?.localName ?? String(cache),
  };
  if (outcome.case === 'refusal') return { ...how, refused: refusedItem(outcome.value) };
  if (outcome.case !== 'item' || outcome.value.body.case !== 'payload')
    return { ...how, value: {} };
  return { ...how, value: parse(outcome.value.body.value) };
}

function parse(payload: Uint8Array): NonNullable<Answer['value']> {
  try {
    return JSON.parse(Buffer.from(payload).toString()) as NonNullable<Answer['value']>;
  } catch {
    return {};
  }
}
