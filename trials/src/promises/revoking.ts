import { setTimeout } from 'node:timers/promises';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { Weir } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { openTopology, type Topology } from '../parts/topology.ts';
import { answerHeaders, answerOne, openWireProvider } from './bad-subject.ts';
import { introduce } from './introduce.ts';

/** A client of a router. */
export type RouterClient = Client<typeof RouterService>;

/** A type whose provider never answers. */
export const SILENT_TYPE = 'Silent';
/** A type whose provider has every key. */
export const ANSWERED_TYPE = 'Answered';

/** Two routers, and what is read through them. */
export interface Revoking extends AsyncDisposable {
  readonly topology: Topology;
  /** The administrator's way. */
  readonly admin: Weir;
  /** Makes a key for a principal, and a client of each router that calls with it. */
  newKey(principal: string): Promise<{ id: string; routers: RouterClient[] }>;
}

const ROUTERS = 2;
const POLL_MS = 2;
/** What nobody has seen refused by now is not going to be. */
const GIVE_UP_MS = 10_000;

/** Starts it, with a provider that never answers. */
export async function openRevoking(): Promise<Revoking> {
  await using stack = new AsyncDisposableStack();
  const silent = stack.use(await openWireProvider((stream) => stream.respond(answerHeaders)));
  const answering = stack.use(await openWireProvider((stream) => answerOne(stream)));
  const topology = stack.use(await openTopology({ registries: 1, routers: ROUTERS }));
  const admin = topology.client(0);
  await introduce(admin, SILENT_TYPE, silent.url);
  await introduce(admin, ANSWERED_TYPE, answering.url);
  const owned = stack.move();
  return {
    ...{ topology, admin },
    async newKey(principal) {
      const scopes = [Scope.READ];
      const { secret, key } = await admin.admin.createKey({ principal, scopes });
      const routers = topology.routers.map(({ url }) => clientOf(url, secret));
      for (const router of routers) await untilTrue(async () => !(await isShutOut(router)));
      return { id: key?.id ?? '', routers };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function clientOf(baseUrl: string, key: string): RouterClient {
  const authorise = { authorization: `Bearer ${key}` };
  const transport = createGrpcTransport({
    baseUrl,
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(authorise)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
  return createClient(RouterService, transport);
}

/** Whether a router lets the caller in no more. */
export async function isShutOut(router: RouterClient): Promise<boolean> {
  try {
    await router.fetchContext({ refs: [{ type: ANSWERED_TYPE, key: 'k' }] });
    return false;
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) return true;
    throw error;
  }
}

/** The time until something is so, in ms; NaN: it was not within ten seconds. */
export async function untilTrue(isSo: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > GIVE_UP_MS) return Number.NaN;
    await setTimeout(POLL_MS);
  }
  return performance.now() - startMs;
}

/** A percentile of figures, by the nearest rank. NaN when one of them is. */
export function percentile(figures: readonly number[], share: number): number {
  if (figures.some(Number.isNaN)) return Number.NaN;
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
