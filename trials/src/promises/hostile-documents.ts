import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createAssertions } from '@weir/kit';
import { openRegistry } from '@weir/registry';
import { registryDefaults } from '@weir/registry/config';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { quantile } from '../parts/quantile.ts';
import type { Measured, Promised } from './promise.ts';

const FLOOD_MS = 10_000;
const AT_ONCE = 4;
const REGISTER_EVERY_MS = 100;
const LOOP_RESOLUTION_MS = 5;
const LOOP_P99_MAX_MS = 100;

/** One tenant floods the registry with documents that take seconds to check; another registers. */
export const hostileDocuments: Promised = {
  id: 'documents',
  says: 'documents made to be slow hold up neither the event loop of the registry nor other tenants',
  async measure(signal) {
    await using site = await openSite();
    const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    loop.enable();
    const flooding = AbortSignal.any([signal, AbortSignal.timeout(FLOOD_MS)]);
    const hostile: number[] = [];
    const good: number[] = [];
    const [failed] = await Promise.all([
      register(site.as('ann'), flooding, good),
      ...Array.from({ length: AT_ONCE }, (_, i) => flood(site.as('mallory'), i, flooding, hostile)),
    ]);
    loop.disable();
    const loopMs = loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS;
    return [
      { figure: 'hostile documents answered', value: hostile.length, unit: 'count' },
      // They wait for each other: a tenant has one thread of two.
      { figure: 'the slowest answer to one', value: Math.max(...hostile), unit: 'ms' },
      { figure: 'event loop, p99', ...ms(loopMs, LOOP_P99_MAX_MS) },
      { figure: 'registrations of the other tenant', value: good.length, unit: 'count' },
      {
        figure: 'registrations of the other tenant that failed',
        value: failed,
        unit: 'count',
        limit: 0,
      },
      { figure: 'registrations of the other tenant, p50', value: quantile(good, 0.5), unit: 'ms' },
      { figure: 'registrations of the other tenant, p99', value: quantile(good, 0.99), unit: 'ms' },
    ];
  },
};

/** Each takes long in another way; all are within the limits of size. */
const documents: readonly string[] = [
  `"${'\\q'.repeat(128 * 1024 - 2)}"`,
  `a: [${','.repeat(250 * 1024)}]`,
  `name: A\nversion: 1.0.0\nschema: {enum: [&a 1${', *a'.repeat(45_000)}]}`,
  `x: ${'['.repeat(100_000)}`,
];

async function flood(
  registry: Client<typeof RegistryService>,
  from: number,
  signal: AbortSignal,
  answeredMs: number[],
): Promise<void> {
  for (let turn = from; !signal.aborted; turn += 1) {
    const value = documents[turn % documents.length] ?? '';
    const startMs = performance.now();
    await registry.publishType({ source: { case: 'document', value } }).catch(() => {});
    answeredMs.push(performance.now() - startMs);
  }
}

/** Registers provider after provider. Returns how many calls failed. */
async function register(
  registry: Client<typeof RegistryService>,
  signal: AbortSignal,
  tookMs: number[],
): Promise<number> {
  let failed = 0;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const value = `name: docs-${turn}\nversion: 1.0.0\ncontexts: [{ type: DocChunk, version: 1.0.0 }]\n`;
    const startMs = performance.now();
    try {
      await registry.registerProvider({ source: { case: 'document', value } });
      tookMs.push(performance.now() - startMs);
    } catch {
      failed += 1;
    }
    await sleep(REGISTER_EVERY_MS);
  }
  return failed;
}

async function openSite() {
  await using opening = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-documents-'));
  opening.defer(() => rm(dataDir, { recursive: true, force: true }));
  const serviceSecret = randomBytes(32);
  const config = { ...registryDefaults, port: 0, dataDir, serviceSecret, logLevel: 'silent' };
  const { url } = opening.use(await openRegistry(config));
  const assertions = createAssertions(serviceSecret);
  const transportOf = (tenant: string) => {
    const scopes = new Set([Scope.REGISTER, Scope.PLATFORM]);
    const caller = {
      tenant,
      principal: 'p',
      consumer: '',
      keyId: 'k',
      scopes,
      authentication: 'key' as const,
      permits: [],
      network: '',
      attributes: {},
    };
    const signed: Interceptor = (next) => async (request) => {
      const token = await assertions.sign({ kind: 'caller', caller });
      request.header.set('authorization', `Bearer ${token}`);
      return next(request);
    };
    return createGrpcTransport({ baseUrl: url, interceptors: [signed] });
  };
  const admin = createClient(AdminService, transportOf('default'));
  for (const name of ['ann', 'mallory']) await admin.createTenant({ name });
  const open = opening.move();
  return {
    as: (tenant: string) => createClient(RegistryService, transportOf(tenant)),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function ms(value: number, limit: number): Pick<Measured, 'value' | 'unit' | 'limit'> {
  return { value, unit: 'ms', limit };
}
