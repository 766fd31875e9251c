import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderSettings } from '../item-provider/settings.ts';
import { createPart, type Part } from '../parts/part.ts';
import { freePort } from '../parts/ports.ts';
import { openTopology, type Topology, type TopologyOptions, until } from '../parts/topology.ts';
import { tenantNames } from './items.ts';
import { WRITTEN_TYPE } from './registry-objects.ts';
import { createSource, type Source, type SourceQuestion } from './source.ts';

/** A tenant of the trial. */
export interface Tenant {
  readonly name: string;
  /** A key that may read, register and administer. */
  readonly key: string;
}

/** A topology with tenants, and with provider processes that serve the items. */
export interface World extends AsyncDisposable {
  readonly topology: Topology;
  readonly tenants: readonly Tenant[];
  /** All that can be killed and frozen, by name. */
  readonly parts: ReadonlyMap<string, Part>;
  /** Where the providers read. */
  readonly source: Source;
  /** The clock that everything is recorded on: milliseconds since the world began. */
  nowMs(): number;
}

const PROVIDERS = 2;
const main = new URL('../item-provider/main.ts', import.meta.url).pathname;

/** Opens the world of a trial; resolves when every provider process is registered. */
export async function openWorld(options: TopologyOptions): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const topology = opening.use(await openTopology(options));
  const tenants: Tenant[] = [];
  for (const name of tenantNames) tenants.push(await createTenant(topology, name));
  const beganMs = performance.now();
  const nowMs = () => performance.now() - beganMs;
  const source = createSource(nowMs);
  const door = await topology.addLink(
    'providers→router',
    topology.routers.map(({ url }) => Number(new URL(url).port)),
  );
  const providers: Part[] = [];
  for (let i = 1; i <= PROVIDERS; i += 1) {
    const settings = await settingsOf(topology, tenants, {
      name: `provider-${i}`,
      url: `http://127.0.0.1:${door.port}`,
    });
    const part = createPart(topology.site, {
      name: `provider-${i}`,
      command: process.execPath,
      args: [main],
      env: { TRIAL_PROVIDER: JSON.stringify(settings) },
      onMessage: (message, reply) => reply(source.answer(message as SourceQuestion)),
    });
    providers.push(topology.addPart(part));
    part.start();
  }
  await until(() => allRegistered(topology, tenants), 'the providers are registered');
  const { postgres, redis, registries, routers } = topology;
  const servers = [...registries, ...routers].map(({ part }) => part);
  const parts = [postgres.part, redis.part, ...servers, ...providers];
  const open = opening.move();
  return {
    topology,
    tenants,
    parts: new Map(parts.map((part) => [part.name, part])),
    source,
    nowMs,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function createTenant(topology: Topology, name: string): Promise<Tenant> {
  const { secret: key } = await topology.client(0).admin.createTenant({ name });
  await until(() => isKnown(topology, key), `both routers know the tenant ${name}`);
  const { registry, admin } = topology.client(0, key);
  const value = { name: WRITTEN_TYPE, version: '1.0.0', schema: { type: 'object' } };
  await registry.publishType({ source: { case: 'manifest', value } });
  const scopes = [Scope.READ, Scope.REGISTER, Scope.ADMIN];
  const { secret } = await admin.createKey({ principal: 'admin', title: 'trial', scopes });
  await until(() => isKnown(topology, secret), `both routers know the key of ${name}`);
  return { name, key: secret };
}

async function isKnown({ routers, client }: Topology, key: string): Promise<boolean> {
  const asked = routers.map((_, i) => client(i, key).router.listContext({}));
  return (await Promise.allSettled(asked)).every(({ status }) => status === 'fulfilled');
}

/** A port for each tenant, behind a link of its own. */
async function settingsOf(
  topology: Topology,
  tenants: readonly Tenant[],
  { name, url }: { name: string; url: string },
): Promise<ProviderSettings> {
  const settings = [];
  for (const tenant of tenants) {
    const port = await freePort();
    const link = await topology.addLink(`routers→${name}/${tenant.name}`, [port]);
    settings.push({ ...tenant, port, publicUrl: `http://127.0.0.1:${link.port}` });
  }
  return { url, tenants: settings };
}

async function allRegistered({ client }: Topology, tenants: readonly Tenant[]): Promise<boolean> {
  for (const { key } of tenants) {
    const { providers } = await client(0, key).registry.listProviders({});
    if ((providers[0]?.endpoints.length ?? 0) < PROVIDERS) return false;
  }
  return true;
}
