import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pins } from '../model.ts';
import { type NodeProcess, type NodeProcessSpec, root, startNode } from './node-process.ts';
import { freePorts } from './ports.ts';

/** How Weir is set up. */
export interface SiteOptions {
  readonly pins: Pins;
  /** More settings of the router. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** More flags for the Node of the router. */
  readonly flags?: readonly string[] | undefined;
  /** Told of what the router writes. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

/** A registry and one router, each a process of its own, with all its data in a temporary folder. */
export interface Site extends AsyncDisposable {
  readonly registry: NodeProcess;
  readonly router: NodeProcess;
  /** Where the router is called. */
  readonly url: string;
  readonly port: number;
  /** The key of the first administrator. */
  readonly adminKey: string;
}

const host = '127.0.0.1';
const probeTimeoutMs = 1_000;
const compileCache = join(root, 'node_modules/.cache/weir');

/** Opens Weir; resolves when registry and router are ready. */
export async function openSite(options: SiteOptions): Promise<Site> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  opening.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const ports = await freePorts(4);
  const [registryPort = 0, registryOps = 0, port = 0, routerOps = 0] = ports;
  const secretFile = join(folder, 'service.key');
  await writeFile(secretFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const shared = {
    WEIR_SERVICE_SECRET_FILE: secretFile,
    WEIR_OUTBOUND_ALLOW: 'loopback',
    WEIR_LOG_LEVEL: 'warn',
    NODE_COMPILE_CACHE: compileCache,
  };
  const { pins, flags = [], env, onOutput } = options;
  const [registry, router] = await startBoth(opening, [
    {
      main: 'registry/src/main.ts',
      cores: pins.others,
      env: {
        ...shared,
        WEIR_REGISTRY_PORT: String(registryPort),
        WEIR_OPS_PORT: String(registryOps),
        WEIR_DATA_DIR: join(folder, 'registry'),
        // A provider that is slow to answer because the load has its core is not down.
        WEIR_HEALTH_INTERVAL: '30s',
      },
      isUp: () => isReady(registryOps),
    },
    {
      main: 'router/src/main.ts',
      ...{ cores: pins.subject, flags, onOutput },
      env: {
        ...shared,
        WEIR_PORT: String(port),
        WEIR_OPS_PORT: String(routerOps),
        WEIR_DATA_DIR: join(folder, 'router'),
        WEIR_REGISTRY_URL: `http://${host}:${registryPort}`,
        ...env,
      },
      isUp: () => isReady(routerOps),
    },
  ]);
  const adminKey = (await readFile(join(folder, 'registry/admin.key'), 'utf8')).trim();
  const owned = opening.move();
  return {
    ...{ registry, router, url: `http://${host}:${port}`, port, adminKey },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts two at once; when one does not come up, the other one is not waited for. */
async function startBoth(
  opening: AsyncDisposableStack,
  [first, second]: readonly [NodeProcessSpec, NodeProcessSpec],
): Promise<[NodeProcess, NodeProcess]> {
  const stop = new AbortController();
  const start = async (spec: NodeProcessSpec) => {
    try {
      return opening.use(await startNode(spec, stop.signal));
    } catch (error) {
      stop.abort(error);
      // Of two faults the first one is told: the other one follows from it.
      throw stop.signal.reason;
    }
  };
  const both = [start(first), start(second)] as const;
  await Promise.allSettled(both);
  return [await both[0], await both[1]];
}

async function isReady(opsPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(probeTimeoutMs);
    const { ok } = await fetch(`http://${host}:${opsPort}/readyz`, { signal });
    return ok;
  } catch {
    return false;
  }
}
