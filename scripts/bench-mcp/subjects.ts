import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { oneCoreFlags } from '@weir/kit/node-flags';
import { largePolicies } from '@weir/policy/large-rules';
import type { Weir } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { ToolSettingSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { stringify } from 'yaml';
import { createPart, type Part, type PartSpec } from '../../trials/src/parts/part.ts';
import { freePort, listens } from '../../trials/src/parts/ports.ts';
import { type Topology, until } from '../../trials/src/parts/topology.ts';
import { KEPT_MS, names, type Operation, type RpcRequest } from './spec.ts';

/** What a client reaches the server by. */
export interface Subject {
  readonly name: string;
  readonly url: string;
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: Readonly<Partial<Record<Operation, RpcRequest>>>;
  /** All whose CPU time is the subject's; their children's too. */
  readonly parts: readonly Part[];
}

/** How Weir reaches the server; the gateways beside it know standard input and output alone. */
export type Upstream = 'stdio' | 'http';

/** Gateways that are measured beside Weir, where they are installed. */
export const gateways = { supergateway: '4.0.0', 'mcp-proxy': '6.7.19' } as const;

const root = join(import.meta.dirname, '../..');
const serverFile = join(import.meta.dirname, 'server.ts');
const SERVER = 'bench';
/** A policy of 1,000 rules is read and checked. */
const POLICY_TIMEOUT_MS = 60_000;

const call = (name: string): RpcRequest => ({
  method: 'tools/call',
  params: { name, arguments: {} },
});
const read = (uri: string): RpcRequest => ({ method: 'resources/read', params: { uri } });
const requests = { tool: call(names.tool), resource: read(`${names.resource}/#`) };
const lasting = { 'kept tool': call(names.readOnly), 'kept resource': read(names.lasting) };

/** Clients reach the server itself. */
export async function openDirect(topology: Topology): Promise<Subject> {
  const port = await freePort();
  const part = start(topology, { name: 'server', args: [serverFile, `${port}`] });
  await until(() => listens(port), 'the server listens');
  const url = `http://127.0.0.1:${port}/mcp`;
  // It is not asked for what could be kept by clients: they would not ask at all.
  return { name: 'direct', url, headers: {}, requests, parts: [part] };
}

/** Through a gateway from npm, which starts the server by itself. */
export async function openGateway(
  topology: Topology,
  { name, folder }: { readonly name: keyof typeof gateways; readonly folder: string },
): Promise<Subject | undefined> {
  const bin = join(folder, 'node_modules/.bin', name);
  if (!existsSync(bin)) return undefined;
  const port = await freePort();
  const server = [process.execPath, ...oneCoreFlags, serverFile, 'stdio'];
  const at = ['--port', `${port}`];
  const args = {
    supergateway: [
      ...['--stdio', server.join(' '), '--outputTransport', 'streamableHttp', '--stateful'],
      ...['--logLevel', 'none', ...at],
    ],
    'mcp-proxy': [...at, '--server', 'stream', '--', ...server],
  }[name];
  const part = start(topology, { name, args: [bin, ...args] });
  await until(() => listens(port), `${name} listens`);
  return { name, url: `http://127.0.0.1:${port}/mcp`, headers: {}, requests, parts: [part] };
}

/** Through Weir: a router with policies and its journal, and a connector. */
export async function openWeir(topology: Topology, upstream: Upstream): Promise<Subject> {
  const { site, routers, registries, postgres, redis } = topology;
  const [router] = routers;
  if (!router) throw new Error('there is no router');
  const admin = topology.client(0);
  const file = join(site.folder, 'upstreams.yaml');
  const parts: Part[] = [];
  const args = [...oneCoreFlags, serverFile];
  let how: object = { stdio: { command: process.execPath, args: [...args, 'stdio'] } };
  if (upstream === 'http') {
    const port = await freePort();
    parts.push(start(topology, { name: 'server-of-weir', args: [serverFile, `${port}`] }));
    await until(() => listens(port), 'the server behind Weir listens');
    how = { http: { url: `http://127.0.0.1:${port}/mcp` } };
  }
  await writeFile(file, stringify({ upstreams: [{ name: SERVER, ...how }] }), { mode: 0o600 });
  const keyFile = join(site.folder, 'connector.key');
  const { secret } = await admin.admin.createKey({
    principal: 'connector',
    scopes: [Scope.REGISTER],
  });
  await writeFile(keyFile, secret, { mode: 0o600 });
  const connector = start(topology, {
    name: 'connector',
    args: [join(root, 'mcp/src/client/main.ts')],
    env: {
      WEIR_UPSTREAMS_FILE: file,
      WEIR_URL: router.url,
      WEIR_CONNECTOR_KEY_FILE: keyFile,
      WEIR_OPS_PORT: `${await freePort()}`,
      WEIR_OUTBOUND_ALLOW: 'loopback',
    },
  });
  for (const { manifest } of largePolicies(1_000)) {
    if (!manifest) continue;
    const policy = { source: { case: 'manifest' as const, value: manifest } };
    await admin.policy.putPolicy({ policy }, { timeoutMs: POLICY_TIMEOUT_MS });
  }
  const key = await openGroup(admin);
  await until(() => isReached(admin), 'the tools of the server are known');
  return {
    name: 'weir',
    url: `${router.url}/mcp`,
    headers: { authorization: `Bearer ${key}` },
    requests: { ...requests, ...lasting },
    parts: [
      router.part,
      connector,
      ...parts,
      ...registries.map(({ part }) => part),
      postgres.part,
      redis.part,
    ],
  };
}

async function openGroup({ groups }: Weir): Promise<string> {
  const settings = [
    create(ToolSettingSchema, {
      tool: `${SERVER}__${names.readOnly}`,
      ttl: durationFromMs(KEPT_MS),
    }),
  ];
  const group = { name: 'bench', tools: ['*'], types: ['*'], unprefixed: true, settings };
  const { secret } = await groups.createGroup({ group });
  return secret;
}

async function isReached({ tools, registry }: Weir): Promise<boolean> {
  const answer = await tools.listTools({ provider: SERVER });
  const { providers } = await registry.listProviders({});
  const found = providers.find(({ manifest }) => manifest?.name === SERVER);
  return answer.tools.length > 0 && (found?.endpoints ?? []).length > 0;
}

function start(topology: Topology, spec: Pick<PartSpec, 'name' | 'args' | 'env'>): Part {
  const args = [...oneCoreFlags, ...spec.args];
  const part = createPart(topology.site, { ...spec, command: process.execPath, args });
  topology.addPart(part).start();
  return part;
}
