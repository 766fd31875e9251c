import { createWeir } from '@weir/sdk';
import type { Pins, RunningSubject, Scenario } from '../model.ts';
import { openProvider } from '../subjects/index.ts';
import { openSite, type Site, type SiteOptions } from './site.ts';
import { equip } from './tenant.ts';
import { warmCache } from './warm.ts';

/** A Weir that is ready, and whose parts can be told apart. */
export interface RunningWeir extends RunningSubject {
  pause(): void;
  resume(): Promise<void>;
  readonly site: Site;
  /** Fetches all keys that will be asked for again, for other scenarios may have displaced them. */
  warm(): Promise<void>;
}

/** Opens Weir with all that a scenario needs: its tenant made, its cache warm. */
export async function openWeir(
  scenario: Scenario,
  pins: Pins,
  { env, ...options }: Partial<Omit<SiteOptions, 'pins'>>,
): Promise<RunningWeir> {
  await using opening = new AsyncDisposableStack();
  const provider = opening.use(await openProvider(scenario.valueBytes, pins));
  const site = opening.use(
    await openSite({ pins, ...options, env: { ...settingsFor(scenario), ...env } }),
  );
  const { keys, token } = await equipped(site, scenario, provider.url);
  const warm = async () => {
    const weir = createWeir({ url: site.url, key: keys[0] });
    try {
      await warmCache(weir, scenario, token);
    } finally {
      weir.close();
    }
  };
  await warm();
  const owned = opening.move();
  const { router, registry } = site;
  // Elsewhere the registry has a machine of its own: it must not keep the load from its core.
  registry.yieldToOthers();
  return {
    ...{ site, warm },
    host: '127.0.0.1',
    port: site.port,
    pids: [router.pid],
    heads: keys.map((key) => [['authorization', `Bearer ${key}`]]),
    gc: () => router.collections(),
    // What it wrote while it was measured goes to the registry for a long time after.
    pause() {
      router.pause();
      registry.pause();
    },
    async resume() {
      await Promise.all([registry.resume(), router.resume()]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function equipped({ url, adminKey }: Site, scenario: Scenario, providerUrl: string) {
  const admin = createWeir({ url, key: adminKey });
  try {
    return await equip(admin, scenario, providerUrl);
  } finally {
    admin.close();
  }
}

const MIB = 1024 * 1024;
const cacheMinMib = 256;
/** What an item takes beside its value: its provenance, its key, its place. */
const itemOverheadBytes = 1_024;

function settingsFor({ keys, valueBytes }: Scenario): Record<string, string> {
  const cacheMib = Math.ceil((keys * (valueBytes + itemOverheadBytes)) / MIB);
  return {
    WEIR_CACHE_MAX_BYTES: `${Math.max(cacheMinMib, cacheMib)}MiB`,
    // A run writes more than the registry takes in meanwhile.
    WEIR_JOURNAL_MAX_BYTES: '24GiB',
    WEIR_JOURNAL_KEEP: '0s',
  };
}
