import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createContextValues } from '@connectrpc/connect';
import { openJournal } from '@weir/journal';
import {
  type Caller,
  callerKey,
  createConsistencyTokens,
  createLogger,
  createMetrics,
  type LeanCall,
  noSecrets,
  requestIdKey,
  systemClock,
} from '@weir/kit';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { ContentSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  FetchContextRequestSchema,
  FetchContextResponseSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { largePolicies } from '../policy/src/reference/large-rules.ts';
import { createRecorder } from '../router/src/audit/recorder.ts';
import { createInvalidations } from '../router/src/events/invalidations.ts';
import { createMeasuredMemory } from '../router/src/gather/cache-metrics.ts';
import { admit } from '../router/src/gather/entry.ts';
import { createFlights } from '../router/src/gather/flights.ts';
import { createHeldBytes } from '../router/src/held.ts';
import { openLimits } from '../router/src/limits/limits.ts';
import { openExaminer } from '../router/src/quality/examiner.ts';
import { createProviderRecords } from '../router/src/quality/record.ts';
import { openRedactions } from '../router/src/redactions.ts';
import { observeDecisions, observeItems } from '../router/src/router-metrics.ts';
import { fetchContextLean } from '../router/src/rpc/fetch-context.ts';
import { createSnapshotHolder } from '../router/src/snapshot/holder.ts';
import { applyEntries, emptySnapshot } from '../router/src/snapshot/snapshot.ts';
import { openUpstream } from '../router/src/upstream/upstream.ts';
import { createEntries, testCaller } from '../router/test/entries.ts';
import { testOutbound } from '../router/test/provider-server.ts';

// What a warm batch costs the router without the network: decoding, planning, authorising by 1,000
// rules, gathering from memory, the record of the call, encoding. In microseconds of one core, for each
// call; calls come sixteen in a turn of the event loop, as they do from sockets under load.

const { values } = parseArgs({
  options: {
    /** Calls for each figure. */
    calls: { type: 'string', default: '20000' },
    /** How often each is measured; the least is printed. */
    repetitions: { type: 'string', default: '5' },
    /** Where a CPU profile is written, and of how many items. */
    profile: { type: 'string' },
    'profile-items': { type: 'string', default: '32' },
  },
});
const CALLS = Number(values.calls);
const REPETITIONS = Number(values.repetitions);
const PER_TURN = 16;
const KEYS = 10_000;
const PRINCIPALS = 50;
const RULES = 1_000;
const VALUE_BYTES = 1024;
const MIB = 1024 * 1024;
const type = 'BenchItem';

const callers = callersOf();
const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
try {
  await using stack = new AsyncDisposableStack();
  const lean = await openPipeline(stack);
  for (const refs of [1, 32, 128]) {
    const us = await cost(lean, refs);
    const items = ((1e6 / us) * refs).toFixed(0);
    console.log(
      `${String(refs).padStart(4)} items: ${us.toFixed(2).padStart(8)} µs a call, ${items} items a second`,
    );
  }
  if (values.profile !== undefined) {
    await profile(values.profile, () => cost(lean, Number(values['profile-items'])));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function openPipeline(stack: AsyncDisposableStack) {
  const clock = systemClock;
  const log = createLogger({ name: 'bench', level: 'silent' });
  const metrics = createMetrics('bench');
  stack.defer(() => metrics.shutdown());
  const holder = createSnapshotHolder(clock);
  const make = createEntries();
  const rule = { name: 'bench', effect: Effect.ALLOW, actions: [Action.FETCH] };
  const policies = [
    ...largePolicies(RULES - 1).flatMap(({ manifest }) =>
      manifest ? [make.policy(manifest)] : [],
    ),
    make.policy({ name: 'bench', rules: [{ ...rule, subjects: { roles: ['bench'] } }] }),
  ];
  const manifest = { name: 'bench', version: '1.0.0', contexts: [{ type, version: '1.0.0' }] };
  const url = 'http://127.0.0.1:1';
  const entries = [
    make.type(type),
    make.provider(manifest),
    make.endpoint({ provider: 'bench', version: '1.0.0', url }, EndpointHealth.UP),
    ...callers.map(({ principal, attributes }) => make.principal(principal, attributes)),
    ...callers.map(({ principal, keyId }) => make.key(keyId, principal)),
    ...policies,
  ];
  holder.replace(applyEntries(emptySnapshot, entries, { epoch: 'e', revision: 9n }), 0);
  const memory = createMeasuredMemory(metrics, 64 * MIB);
  const upstream = stack.use(
    openUpstream({ clock, secrets: noSecrets, log, outbound: testOutbound() }),
  );
  const examiner = stack.use(openExaminer({ clock, log }));
  const records = createProviderRecords(clock);
  const limits = stack.use(openLimits({ clock, log, metrics, pool: undefined }));
  const shared = undefined;
  const invalidations = createInvalidations();
  const flights = createFlights({
    ...{ upstream, memory, shared, clock, examiner, records, limits, invalidations },
  });
  const secret = new Uint8Array(32).fill(7);
  const redactions = stack.use(
    openRedactions({ serviceSecret: secret, maxBytes: MIB, clock, log }),
  );
  const journal = stack.use(
    await openJournal({
      ...{ directory: join(folder, 'journal'), writer: 'bench', durable: false, clock, log },
      ...{ maxBytes: 64 * 1024 * MIB, keepMs: 0, intake: undefined },
    }),
  );
  const recorder = stack.use(createRecorder({ journal, clock, router: 'bench' }));
  const offer = holder.current.tenants.get('acme')?.catalogue.offers.get(type)?.[0];
  if (!offer) throw new Error('nothing offers the items');
  const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  const space = memory.spaceOf(callers[0] as Caller, offer);
  const ttl = { seconds: 3_600n, nanos: 0 };
  for (let index = 0; index < KEYS; index++) {
    const payload = Buffer.alloc(VALUE_BYTES, 'x');
    memory.set(space, keyOf(index), admit(create(ContentSchema, { payload, ttl }), offer, at));
  }
  return fetchContextLean({
    ...{ memory, shared, invalidations, flights, records, clock, log, holder, limits },
    ...{
      redactions,
      journal,
      recorder,
      decided: observeDecisions(metrics),
      observe: observeItems(metrics),
    },
    tails: { reach: async () => {} },
    ...{ tokens: createConsistencyTokens(secret), held: createHeldBytes(64 * MIB) },
  });
}

function callersOf(): Caller[] {
  return Array.from({ length: PRINCIPALS }, (_, index) =>
    Object.assign(testCaller({ principal: `agent-${index}`, attributes: { roles: ['bench'] } }), {
      keyId: `key-${index}`,
    }),
  );
}

/** The least of several measurements, in µs for each call. */
async function cost(lean: ReturnType<typeof fetchContextLean>, refs: number): Promise<number> {
  const messages = Array.from({ length: 997 }, (_, index) => messageOf(refs, index));
  const calls = Math.ceil(CALLS / Math.sqrt(refs));
  let best = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
    const from = process.cpuUsage();
    for (let call = 0; call < calls; ) {
      const turn: (Uint8Array | Promise<Uint8Array>)[] = [];
      for (let i = 0; i < PER_TURN; i++, call++) {
        const at = callOf(callers[call % PRINCIPALS] as Caller, call);
        turn.push(lean.answer(at, messages[call % messages.length] as Uint8Array));
      }
      for (const answer of turn) await answer;
      if (call <= PER_TURN) check((await turn[0]) as Uint8Array, refs);
    }
    const { user, system } = process.cpuUsage(from);
    if (repetition > 0) best = Math.min(best, (user + system) / calls);
  }
  return best;
}

function check(answer: Uint8Array, refs: number): void {
  const { results } = fromBinary(FetchContextResponseSchema, answer.subarray(5));
  const wrong = results.find(({ outcome }) => outcome.case !== 'item');
  if (results.length !== refs || wrong)
    throw new Error(`not all items came: ${wrong?.outcome.case}`);
}

function callOf(caller: Caller, at: number): LeanCall {
  const { fetchContext: method } = RouterService.method;
  const values = createContextValues().set(callerKey, caller).set(requestIdKey, `request-${at}`);
  return {
    ...{ service: RouterService, method, requestMethod: 'POST', protocolName: 'grpc', values },
    requestHeader: { get: () => null },
    get signal() {
      return new AbortController().signal;
    },
    ...{ timeoutMs: () => 10_000, afterCall: (done) => setImmediate(done), headroom: 5 },
  };
}

function messageOf(refs: number, seed: number): Uint8Array {
  const keys = Array.from({ length: refs }, (_, at) => keyOf((seed * 7919 + at * 104_729) % KEYS));
  const request = create(FetchContextRequestSchema, { refs: keys.map((key) => ({ type, key })) });
  return Buffer.from(toBinary(FetchContextRequestSchema, request));
}

function keyOf(index: number): string {
  return `warm-${String(index).padStart(12, '0')}`;
}

async function profile(file: string, work: () => Promise<unknown>): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await work();
  const { profile: recorded } = await session.post('Profiler.stop');
  await writeFile(file, JSON.stringify(recorded));
}
