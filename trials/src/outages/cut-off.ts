import { durationMs } from '@bufbuild/protobuf/wkt';
import { Reason, WeirCallError } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { openTopology, type Topology, until } from '../parts/topology.ts';

/** How a router fared that was cut off from the registry, also across its own restart. */
export interface CutOff {
  /** Calls answered while its snapshot was young enough, before and after its restart. */
  readonly answered: number;
  /** Calls refused in that time. */
  readonly refused: number;
  /** The age that it told last; its snapshot was older than before, not younger. */
  readonly toldAgeMs: number;
  /** How long after the last word of the registry it stopped serving. */
  readonly servedMs: number;
  /** Why it stopped. */
  readonly reason: Reason;
  /** How long after the way was mended it served again. */
  readonly recoveredMs: number;
}

const KEYS = ['a', 'b', 'c'];
/** The snapshot is kept on disk once a second. */
const KEPT_MS = 2_500;

/** Cuts a router off from the registry, restarts it, and mends the way once it serves no more. */
export async function cutOff(maxAgeMs: number): Promise<CutOff> {
  const env = { WEIR_SNAPSHOT_MAX_AGE: `${maxAgeMs}ms` };
  await using topology = await openTopology({ registries: 1, routers: 1, env });
  const at = { url: topology.routers[0]?.url ?? '', key: topology.adminKey };
  await using _provider = await serveProvider(echo, at);
  await until(async () => (await ask(topology)) === 'answered', 'the router serves');
  await new Promise((resolve) => setTimeout(resolve, KEPT_MS));

  const link = topology.links.get('router-1→registry');
  const router = topology.routers[0]?.part;
  const cutMs = performance.now();
  link?.cut('refuse');
  const told = [await ask(topology)];
  await router?.kill();
  router?.start();
  await until(async () => (await ask(topology)) !== 'gone', 'the router is back');
  let toldAgeMs = 0;
  let servedMs = 0;
  const served = async () => {
    const outcome = await ask(topology);
    if (outcome !== 'answered') return outcome;
    told.push(outcome);
    servedMs = performance.now() - cutMs;
    toldAgeMs = await ageOf(topology).catch(() => toldAgeMs);
    return outcome;
  };
  let last = await served();
  await until(
    async () => {
      last = await served();
      return typeof last === 'number';
    },
    'it serves no more',
    2 * maxAgeMs,
  );
  await link?.mend();
  const back = async () => (await ask(topology)) === 'answered';
  const recoveredMs = await until(back, 'it serves again');
  const answered = told.filter((one) => one === 'answered').length;
  const reason = typeof last === 'number' ? last : Reason.UNSPECIFIED;
  return { answered, refused: told.length - answered, toldAgeMs, servedMs, reason, recoveredMs };
}

const echo = defineProvider({
  name: 'echo',
  version: '1.0.0',
  contexts: [
    defineContext<{ key: string }>({
      type: 'Echo',
      version: '1.0.0',
      schema: { type: 'object' },
      fetch: ({ key }) => ({ value: { key } }),
    }),
  ],
});

/** What becomes of a call: all is answered, the router is not there, or the reason it gives. */
async function ask(topology: Topology): Promise<'answered' | 'gone' | Reason> {
  try {
    const outcomes = await topology.client(0).fetch(KEYS.map((key) => `Echo/${key}`));
    const refusal = outcomes.find((outcome) => !outcome.ok);
    return refusal?.ok === false ? refusal.refusal.reason : 'answered';
  } catch (error) {
    if (!(error instanceof WeirCallError)) throw error;
    return error.reason === Reason.UNSPECIFIED ? 'gone' : error.reason;
  }
}

async function ageOf(topology: Topology): Promise<number> {
  const { snapshot } = await topology.client(0).explain(['Echo/a']);
  return snapshot?.age ? durationMs(snapshot.age) : 0;
}
