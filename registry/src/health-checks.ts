import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { openSessions, type Sessions } from '@weir/kit';
import { Health, HealthCheckResponse_ServingStatus } from '@weir/sdk/gen/health/v1/health_pb';
import { type Endpoint, EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEndpoint } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Core } from './core.ts';
import { withHealth } from './endpoints.ts';

const FAILURES_TO_DOWN = 2;
const TIMEOUT_MAX_MS = 1000;
const AT_ONCE_MAX = 512; // those that hang are waited for, and must not hold up the others

/** Checks static endpoints. */
export interface HealthChecks extends AsyncDisposable {
  /** Checks all of them once, and writes what changed. */
  check(): Promise<void>;
}

/** What is known of an address between checks. */
interface Probe {
  readonly sessions: Sessions;
  failures: number;
}

/** Opens the checks; connections to the endpoints are kept between them. */
export function openHealthChecks(core: Core, intervalMs: number): HealthChecks {
  const probes = new Map<string, Probe>();
  const timeoutMs = Math.min(intervalMs, TIMEOUT_MAX_MS);

  function probeOf(url: string): Probe {
    const held = probes.get(url);
    if (held) return held;
    const probe = { sessions: openSessions(core.outbound, url), failures: 0 };
    probes.set(url, probe);
    return probe;
  }

  async function judge(url: string): Promise<boolean> {
    const probe = probeOf(url);
    const alive = await answers(url, probe.sessions, timeoutMs);
    probe.failures = alive ? 0 : probe.failures + 1;
    return alive;
  }

  async function check(): Promise<void> {
    const endpoints = await core.store.staticEndpoints();
    const urls = [...new Set(endpoints.map((one) => one.endpoint?.url ?? ''))];
    dropProbes(new Set(urls));
    const alive = new Map<string, boolean>();
    const queue = urls.values();
    const worker = async () => {
      for (const url of queue) alive.set(url, await judge(url));
    };
    await Promise.all(Array.from({ length: AT_ONCE_MAX }, worker));
    const changed = endpoints.filter(({ endpoint }) => endpoint && wanted(endpoint));
    if (changed.length > 0) await write(changed);

    function wanted(endpoint: Endpoint): EndpointHealth | undefined {
      return changeOf(endpoint, alive.get(endpoint.url), probes.get(endpoint.url)?.failures ?? 0);
    }

    async function write(all: readonly SnapshotEndpoint[]): Promise<void> {
      await core.store.transact(async (tx) => {
        for (const { tenant, endpoint } of all) {
          const held = endpoint && (await tx.endpoint(tenant, endpoint.id));
          const health = held?.endpoint && wanted(held.endpoint);
          if (health) await tx.putEndpoint(withHealth(held, health, core.clock.wallMs()));
        }
      });
    }
  }

  function dropProbes(kept: ReadonlySet<string>): void {
    for (const [url, probe] of probes) {
      if (kept.has(url)) continue;
      probe.sessions.abort();
      probes.delete(url);
    }
  }

  return {
    check,
    async [Symbol.asyncDispose]() {
      dropProbes(new Set());
    },
  };
}

/** The health that an endpoint changes to; undefined when it keeps the one it has. */
function changeOf(
  endpoint: Endpoint,
  alive: boolean | undefined,
  failures: number,
): EndpointHealth | undefined {
  const { UP, DOWN } = EndpointHealth;
  if (alive === true && endpoint.health !== UP) return UP;
  if (alive === false && endpoint.health !== DOWN && failures >= FAILURES_TO_DOWN) return DOWN;
  return undefined;
}

/** Whether the process serves. One without the health service answers, and so is up. */
async function answers(url: string, sessionManager: Sessions, timeoutMs: number): Promise<boolean> {
  try {
    const client = createClient(Health, createGrpcTransport({ baseUrl: url, sessionManager }));
    const { status } = await client.check({}, { timeoutMs });
    return status !== HealthCheckResponse_ServingStatus.NOT_SERVING;
  } catch (error) {
    return ConnectError.from(error).code === Code.Unimplemented;
  }
}
