import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  bodyOf,
  type CallProtocol,
  call,
  openConnection,
  type RawAnswer,
  type RawCall,
} from '@weir/kit/testing/raw-calls';
import { Code } from '@weir/sdk';
import type { Item } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  FetchContextRequestSchema,
  FetchContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { defineContext, defineProvider, ProviderError, serveProvider } from '@weir/sdk/provider';
import { openTestWeir, type TestWeir, until } from '../weir.ts';

/** The lanes, and the setting that makes a router have one. */
export const lanes = { fast: 'on', connect: 'off' } as const;
export type LaneName = keyof typeof lanes;
export const laneNames: readonly LaneName[] = ['fast', 'connect'];

/** The path of the method that both lanes have. */
export const fetchPath = '/weir.router.v1.RouterService/FetchContext';
/** Values of so many bytes, of which two pass what one answer may hold. */
const LARGE_CHARS = 3_000_000;
/** One that takes several frames, and many windows. */
const MEDIUM_CHARS = 100_000;

/** Weir with one of the lanes, and a provider of its own. */
export interface Side {
  readonly lane: LaneName;
  readonly weir: TestWeir;
  /** A key that may only read, and of which parts of items are hidden. */
  readonly readerKey: string;
  /** Keys whose fetch has been given up. */
  readonly givenUp: Set<string>;
  /** Keys that are being fetched, and wait. */
  readonly waiting: Set<string>;
}

/** Weir twice: what one is asked, the other is asked too. */
export interface Pair extends AsyncDisposable {
  readonly sides: readonly Side[];
}

type Batch = MessageInitShape<typeof FetchContextRequestSchema>;

/** The bytes of a batch. */
export function batchOf(batch: Batch): Uint8Array {
  return toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, batch));
}

const policy = `kind: Policy
name: twins
rules:
  - name: hide
    effect: oblige
    actions: [fetch]
    resources: { types: [Twin] }
    condition: '!hasRole("admin")'
    obligations:
      - mask: { fields: { pointers: [/mail] } }
  - name: deny
    effect: deny
    actions: [any]
    resources: { types: [Secret] }
    condition: '!hasRole("admin")'
`;

/** Opens Weir once with each lane. */
export async function openPair(env: NodeJS.ProcessEnv = {}): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const sides: Side[] = [];
  for (const lane of laneNames) sides.push(await openSide(lane, env, stack));
  const owned = stack.move();
  return { sides, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openSide(
  lane: LaneName,
  env: NodeJS.ProcessEnv,
  stack: AsyncDisposableStack,
): Promise<Side> {
  const weir = stack.use(await openTestWeir({ ...env, WEIR_FAST_LANE: lanes[lane] }));
  const givenUp = new Set<string>();
  const waiting = new Set<string>();
  const { url, key } = weir.weir;
  stack.use(await serveProvider(twins(waiting, givenUp), { url, key }));
  const { secret: readerKey } = await weir.client.admin.createKey({ principal: 'reader' });
  const source = { case: 'document' as const, value: policy };
  const { consistencyToken } = await weir.client.policy.putPolicy({ policy: { source } });
  await until(
    async () => (await weir.client.fetch(['Twin/first'], { consistencyToken }))[0]?.ok === true,
    'the provider is up, and the policy in force',
  );
  return { lane, weir, readerKey, givenUp, waiting };
}

function twins(waiting: Set<string>, givenUp: Set<string>) {
  const wait = async (key: string, signal: AbortSignal) => {
    waiting.add(key);
    await once(signal, 'abort');
    waiting.delete(key);
    givenUp.add(key);
  };
  const context = (type: string) =>
    defineContext<object>({
      ...{ type, version: '1.0.0', schema: {}, ttlMs: 60_000 },
      fetch: async ({ key, signal }) => {
        if (key.startsWith('wait')) await wait(key, signal);
        if (key.startsWith('none')) return undefined;
        if (key.startsWith('failing')) throw new ProviderError(Code.Internal, 'no row');
        const chars = key.startsWith('large') ? LARGE_CHARS : MEDIUM_CHARS;
        const filler = /^(large|medium)/.test(key) ? 'x'.repeat(chars) : '';
        return { value: { key, mail: 'lin@example.com', filler }, labels: { a: 'b' }, owner: 'o' };
      },
    });
  return defineProvider({
    name: 'twins',
    version: '1.0.0',
    timeoutMs: 60_000,
    contexts: [context('Twin'), context('Secret')],
  });
}

/** What is asked of both sides. */
export interface Question extends Omit<RawCall, 'path' | 'protocol'> {
  readonly batch?: Batch;
  /** Whose key it brings. Default: the administrator's. */
  readonly by?: 'reader';
}

/** Asks one side, on a connection of its own. */
export async function ask(
  { weir, readerKey }: Side,
  protocol: CallProtocol,
  { batch, by, headers, pieces, ...more }: Question,
): Promise<RawAnswer> {
  using session = openConnection(weir.weir.url);
  const authorization = `Bearer ${by === 'reader' ? readerKey : weir.weir.key}`;
  return await call(session, {
    ...{ protocol, path: fetchPath, ...more },
    pieces: pieces ?? (batch ? [bodyOf(protocol, batchOf(batch))] : []),
    headers: { authorization, 'x-request-id': 'r-1', ...headers },
  });
}

/**
 * An answer, without what no two calls have in common: when an item was made and how old it is, the tag of
 * what was hidden in it, which no two Weirs make alike, and how good it is, which changes with time.
 */
export function plain(answer: RawAnswer) {
  const { message, trailersOnly, ...others } = answer;
  return { ...others, results: message && resultsIn(message) };
}

/** How good the items of an answer are. */
export function qualitiesOf({ message }: RawAnswer): number[] {
  return message ? decoded(message).results.flatMap(({ quality }) => quality ?? []) : [];
}

function decoded(message: Uint8Array) {
  return fromBinary(FetchContextResponseSchema, Uint8Array.from(message));
}

function resultsIn(message: Uint8Array) {
  return decoded(message).results.map(({ $typeName, age, quality, outcome, ...result }) => {
    const ageMs = age && durationMs(age);
    return {
      ...result,
      ...{ hasAge: ageMs !== undefined && ageMs >= 0, case: outcome.case },
      value: outcome.case === 'item' ? plainItem(outcome.value, result.redacted) : outcome.value,
    };
  });
}

function plainItem(item: Item, isRedacted: boolean) {
  const { etag, asOf, body, ...others } = item;
  const bytes = body.case === 'payload' ? body.value : Buffer.from(String(body.value));
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { ...others, hasTime: asOf !== undefined, tag: isRedacted ? etag !== '' : etag, hash };
}
