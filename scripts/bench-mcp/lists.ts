import { type Topology, until } from '../../trials/src/parts/topology.ts';
import { runLoad } from './load.ts';

/** How long a list takes, one after the other. */
export interface ListTimes {
  /** Tools in the catalogue, and of the group. */
  readonly known: number;
  readonly listed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly fault: string | undefined;
}

/** Tools of a provider; that is all that one may have. */
const EACH = 1_000;
const WARM_UP_MS = 1_000;
const DURATION_MS = 3_000;
/** The patterns of groups: all tools, one of ten, one of a hundred. */
const GROUPS: Readonly<Record<string, string>> = {
  all: 'many-*',
  tenth: 'many-*0',
  hundredth: 'many-*00',
};

/** Has the tools of `providers` more providers listed for groups of them. */
export async function measureLists(
  topology: Topology,
  providers: number,
  signal: AbortSignal,
): Promise<ListTimes[]> {
  const admin = topology.client(0);
  for (let n = 0; n < providers; n += 1) {
    const value = { name: `many-${n}`, version: '1.0.0', operations: operations() };
    const source = { case: 'document' as const, value: JSON.stringify(value) };
    await admin.registry.registerProvider({ source });
  }
  const known = providers * EACH;
  const times: ListTimes[] = [];
  for (const [name, tool] of Object.entries(GROUPS)) {
    const { secret } = await admin.groups.createGroup({ group: { name, tools: [tool] } });
    const url = `${topology.routers[0]?.url}/mcp`;
    const load = (durationMs: number) =>
      runLoad(
        {
          url,
          headers: { authorization: `Bearer ${secret}` },
          request: { method: 'tools/list', params: {} },
          marker: 'many-0__of_many',
          load: { kind: 'concurrency', calls: 1 },
          connections: 1,
          durationMs,
        },
        signal,
      );
    await until(async () => (await load(1)).fault === undefined, 'the tools are listed');
    await load(WARM_UP_MS);
    const { p50Ms, p99Ms, fault } = await load(DURATION_MS);
    const listed = known / ({ all: 1, tenth: 10, hundredth: 100 }[name] ?? 1);
    times.push({ known, listed, p50Ms, p99Ms, fault });
  }
  return times;
}

function operations() {
  return Array.from({ length: EACH }, (_, i) => ({
    name: `of_many_${i}`,
    description: `Tool ${i} of many, which does as all others do.`,
    inputSchema: {
      type: 'object',
      properties: { path: { type: 'string', description: 'Where.' }, depth: { type: 'integer' } },
      required: ['path'],
    },
  }));
}
