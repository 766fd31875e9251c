import { type LookupAddress, promises } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Finds the addresses of a name. Rejects when it has none, or nobody says so in time. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** Where names are looked up. */
export interface ResolveOptions {
  /** Name servers. Default: those of the system. */
  readonly servers?: readonly string[];
  /** Names and their addresses. Default: /etc/hosts. */
  readonly hostsFile?: string;
  /** The system's own way, which also knows domains to search. Default: getaddrinfo. */
  readonly system?: Resolve;
}

/** How long a name server may take to answer, and how often it is asked. */
const serverMs = 2_000;
const serverTries = 2;
/** How long a name waits for the system's own way, which takes one at a time. */
const systemWaitMs = 5_000;
const systemHosts = '/etc/hosts';

/**
 * Creates what looks names up that users have set. The system's own way blocks a thread, of which a
 * process has two: a few names whose servers never answer would keep all others waiting. So it is asked
 * last, for one name at a time; before it comes the file of hosts, and questions that block nobody.
 */
export function createResolve(options: ResolveOptions = {}): Resolve {
  const { hostsFile = systemHosts, servers } = options;
  const system = options.system ?? ((host) => promises.lookup(host, { all: true }));
  const bySystem = oneAtATime(system);
  return async (host) => {
    const written = await readHosts(hostsFile, host);
    if (written.length > 0) return written;
    const found = await ask(host, servers);
    return found.length > 0 ? found : bySystem(host);
  };
}

async function readHosts(file: string, host: string): Promise<LookupAddress[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const family = isIP(address);
    const named = names.some((name) => name.toLowerCase() === host);
    return family !== 0 && named ? [{ address, family }] : [];
  });
}

/** What name servers say; nothing when they know of none. Rejects when they say nothing. */
async function ask(host: string, servers?: readonly string[]): Promise<LookupAddress[]> {
  // Made anew: the system may have other servers by now.
  const resolver = new promises.Resolver({ timeout: serverMs, tries: serverTries });
  if (servers) resolver.setServers(servers);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const found = [...addressesIn(v4, 4), ...addressesIn(v6, 6)];
  if (found.length > 0) return found;
  for (const answer of [v4, v6]) {
    if (answer.status === 'rejected' && isSilence(answer.reason)) throw answer.reason;
  }
  return [];
}

function addressesIn(answer: PromiseSettledResult<string[]>, family: 4 | 6): LookupAddress[] {
  return answer.status === 'rejected' ? [] : answer.value.map((address) => ({ address, family }));
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ETIMEOUT';
}

function oneAtATime(resolve: Resolve): Resolve {
  const waiting: (() => void)[] = [];
  let busy = false;
  const turn = async () => {
    if (!busy) {
      busy = true;
      return;
    }
    const mine = Promise.withResolvers<void>();
    const late = setTimeout(() => {
      waiting.splice(waiting.indexOf(mine.resolve), 1);
      mine.reject(Object.assign(new Error('the name was not looked up in time'), notInTime));
    }, systemWaitMs);
    waiting.push(mine.resolve);
    await mine.promise.finally(() => clearTimeout(late));
  };
  return async (host) => {
    await turn();
    try {
      return await resolve(host);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else busy = false;
    }
  };
}

const notInTime = { code: 'EAI_AGAIN', syscall: 'getaddrinfo' };
