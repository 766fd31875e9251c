import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Assertion, createAssertions } from '@weir/kit';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type SnapshotEntry, WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { expect } from 'vitest';
import type { RegistryConfig } from './config.ts';
import { openRegistry, type Registry } from './registry.ts';
import { entryDigest } from './store/entry.ts';
import { dumpNewDatabase } from './store/pglite.ts';

const serviceSecret = new Uint8Array(32).fill(7);
const assertions = createAssertions(serviceSecret);
const { READ, REGISTER, ADMIN, PLATFORM } = Scope;

/** Who a test calls as. */
export interface TestCaller {
  readonly tenant?: string;
  /** Default: ann. */
  readonly principal?: string;
  readonly scopes?: readonly Scope[];
  readonly permits?: readonly string[];
}

/** The services, as one caller sees them. */
export interface TestClients {
  readonly registry: Client<typeof RegistryService>;
  readonly admin: Client<typeof AdminService>;
  readonly policy: Client<typeof PolicyService>;
}

/** A registry with an embedded database of its own. */
export interface TestRegistry extends AsyncDisposable {
  readonly opened: Registry;
  readonly dataDir: string;
  /** Clients that call as an administrator of the tenant "default", or somebody else. */
  as(caller?: TestCaller): TestClients;
  watch(from?: { epoch: string; revision: bigint }): Promise<Follower>;
}

let dump: Promise<Blob> | undefined;

/** Opens a registry for a test. */
export async function openTestRegistry(
  config: Partial<RegistryConfig> = {},
): Promise<TestRegistry> {
  dump ??= dumpNewDatabase(tmpdir());
  const dataDir = config.dataDir ?? (await mkdtemp(join(tmpdir(), 'weir-registry-')));
  const opened = await openRegistry({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    serviceSecret,
    leaseMs: 3000,
    healthIntervalMs: 100,
    changesKept: 1000,
    outboundAllow: ['loopback'],
    logLevel: 'silent',
    ...(config.databaseUrl ? {} : { pgliteDump: await dump }),
    ...config,
  });
  return {
    opened,
    dataDir,
    as: (caller = {}) => clientsOf(opened.url, caller),
    watch: (from) => follow(opened.url, from),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function clientsOf(
  baseUrl: string,
  { tenant = 'default', principal = 'ann', scopes, permits = [] }: TestCaller,
): TestClients {
  const held = new Set(scopes ?? [READ, REGISTER, ADMIN, PLATFORM]);
  const caller = {
    tenant,
    principal,
    consumer: '',
    keyId: 'k',
    authentication: 'key' as const,
    permits,
    network: '127.0.0.1',
    scopes: held,
    attributes: {},
  };
  const interceptors = [signed({ kind: 'caller', caller })];
  const transport = createGrpcTransport({ baseUrl, interceptors });
  return {
    registry: createClient(RegistryService, transport),
    admin: createClient(AdminService, transport),
    policy: createClient(PolicyService, transport),
  };
}

/** Signs calls as a router does. */
export function signed(assertion: Assertion): Interceptor {
  return (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await assertions.sign(assertion)}`);
    return await next(request);
  };
}

/** What a router makes of the watch stream; every digest is checked. */
export interface Follower extends AsyncDisposable {
  readonly entries: ReadonlyMap<string, SnapshotEntry>;
  /** The kinds of messages received, in order, without marks. */
  readonly heard: readonly string[];
  at(): { epoch: string; revision: bigint };
  /** Waits until what is held passes a test. */
  until(test: (entries: ReadonlyMap<string, SnapshotEntry>) => boolean): Promise<void>;
}

async function follow(baseUrl: string, from = { epoch: '', revision: 0n }): Promise<Follower> {
  const stop = new AbortController();
  const interceptors = [signed({ kind: 'service', name: 'router' })];
  const client = createClient(WatchService, createGrpcTransport({ baseUrl, interceptors }));
  const entries = new Map<string, SnapshotEntry>();
  const heard: string[] = [];
  const waiting = new Set<() => void>();
  let at = from;
  let failed: unknown;

  async function run(): Promise<void> {
    for await (const { message } of client.watchSnapshot(from, { signal: stop.signal })) {
      if (message.case !== 'mark') heard.push(message.case ?? 'nothing');
      switch (message.case) {
        case 'start':
          entries.clear();
          at = message.value;
          break;
        case 'chunk':
          for (const entry of message.value.entries) entries.set(entry.id, entry);
          break;
        case 'delta':
          expect(message.value.fromRevision).toBe(at.revision);
          at = { epoch: at.epoch, revision: message.value.revision };
          for (const entry of message.value.entries) {
            if (entry.body.case === undefined) entries.delete(entry.id);
            else entries.set(entry.id, entry);
          }
          break;
      }
      const told = message.value && 'digest' in message.value ? message.value.digest : undefined;
      // One that goes on from a revision does not hold what came before it.
      if (told !== undefined && from.epoch === '') expect(told).toBe(digestOf(entries));
      if (told !== undefined) for (const wake of waiting) wake();
    }
  }

  const running = run().catch((error: unknown) => {
    if (stop.signal.aborted) return;
    failed = error;
    for (const wake of waiting) wake();
  });
  return {
    entries,
    heard,
    at: () => at,
    until: (test) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (failed !== undefined) reject(failed);
          else if (!test(entries)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

function digestOf(entries: ReadonlyMap<string, SnapshotEntry>): bigint {
  return [...entries.values()].reduce((sum, one) => sum ^ entryDigest(one.id, one.revision), 0n);
}
