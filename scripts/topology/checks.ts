import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createWeir, type Weir } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { callers, fetchOverAll, startLoad } from './calls.ts';
import { type Engine, isWeir } from './engine.ts';
import type { Shell } from './shell.ts';

/** What the checks work with. */
export interface Tried {
  readonly engine: Engine;
  readonly shell: Shell;
  /** The one address of callers. */
  readonly url: string;
  /** The first administrator's key. */
  readonly key: string;
  readonly weir: Weir;
}

/** One thing that must hold, in the order in which they are tried. */
export interface Check {
  readonly says: string;
  run(tried: Tried): Promise<void>;
}

const GUIDE = 'DocChunk/operating.md';
const HIT = 'TopologyItem/one';

/** What must hold. A later check may need what an earlier one did. */
export const checks: readonly Check[] = [
  { says: 'the image holds what runs, and no tool, test or secret', run: checkImage },
  { says: 'all services are up; secrets are files for their owner alone', run: checkSecrets },
  { says: 'the commands of the first start work', run: checkFirstCommands },
  { says: 'a fetch through the one address works over each protocol', run: checkProtocols },
  { says: 'a provider registers through the one address', run: checkRegister },
  { says: 'one router killed: at most what it was answering is lost', run: checkKilledRouter },
  { says: 'a rolling restart fails no call', run: checkRollingRestart },
  { says: 'an upgrade, one service after the other, fails no call', run: checkUpgrade },
  { says: 'Redis away: no call fails', run: checkWithoutRedis },
  { says: 'PostgreSQL away: reads go on, writes return with it', run: checkWithoutPostgres },
  { says: 'the registry away: reads go on, writes return with it', run: checkWithoutRegistry },
  { says: 'a backup is restored, and routers follow it', run: checkRestore },
  { says: 'a lost administrator key is replaced', run: checkNewAdminKey },
  { says: 'no secret is in any log', run: checkLogs },
  { says: 'all stop at a signal, in time', run: checkStop },
];

async function checkImage({ engine }: Tried): Promise<void> {
  const app = join(engine.image.root, engine.image.workdir);
  for (const tool of [
    'typescript',
    'ts7',
    'vitest',
    'node',
    'esbuild',
    '@biomejs/biome',
    '@bufbuild/buf',
  ]) {
    assert.ok(!existsSync(join(app, 'node_modules', tool)), `${tool} is in the image`);
  }
  const rooms = ['sdk', 'kit', 'registry', 'router', 'providers', 'standalone', 'cli', 'deploy'];
  const files = rooms.flatMap((room) => globSync(`${room}/**/*`, { cwd: app }));
  assert.ok(files.length > 200, `only ${files.length} files are in the image`);
  const strange = files.filter((file) =>
    /\.test\.ts$|\.(key|pem|env|dump)$|(^|\/)\.weir/.test(file),
  );
  assert.deepEqual(strange, []);
}

async function checkSecrets({ engine, shell }: Tried): Promise<void> {
  for (const line of ['docker compose up --detach --wait', 'docker compose ps']) {
    await shell.run(line);
  }
  const volumes = join(engine.folder, 'volumes');
  for (const file of [
    'service-secret/key',
    'database-secret/password',
    'docs-key/key',
    'registry-data/admin.key',
  ]) {
    assert.equal(statSync(join(volumes, file)).mode & 0o777, 0o600, file);
  }
}

async function checkFirstCommands({ shell, key }: Tried): Promise<void> {
  const registry = 'docker compose exec registry weir --key-file /data/admin.key';
  assert.match(await shell.run(`${registry} whoami`), /default/);
  const made = await shell.run(`${registry} key create --principal agent-7 --scope read`);
  assert.match(made, /weir_/);
  assert.ok(!made.includes(key));
  assert.match(await shell.run(`${registry} fetch ${GUIDE}`), /Operating Weir/);
  assert.match(await shell.run('node deploy/make-secrets.ts service.key'), /made/);
}

async function checkProtocols({ url, key }: Tried): Promise<void> {
  const brought = await fetchOverAll(url, key, { type: 'DocChunk', key: 'operating.md' });
  assert.deepEqual(brought, {
    ...{ grpc: 'item', 'grpc-web': 'item', connect: 'item', 'HTTP/1.1': 'item' },
  });
}

/** A provider of one type, whose values may not be cached: each fetch reaches it. */
function smallProvider(name: string) {
  return defineProvider({
    name,
    version: '1.0.0',
    contexts: [
      defineContext<{ text: string }>({
        type: 'TopologyItem',
        version: '1.0.0',
        schema: { type: 'object', properties: { text: { type: 'string' } } },
        fetch: async ({ key }) => ({ value: { text: key } }),
      }),
    ],
  });
}

async function checkRegister({ url, key, weir }: Tried): Promise<void> {
  await using _running = await serveProvider(smallProvider('topology'), { url, key });
  await eventually(async () => (await weir.fetch([HIT]))[0]?.ok === true, 'its item is fetched');
}

/** Runs something while calls go on through the one address; no more than `lost` may fail. */
async function underLoad(tried: Tried, act: () => Promise<void>, lost = 0): Promise<void> {
  const { url, key, weir } = tried;
  await using _running = await serveProvider(smallProvider('topology'), { url, key });
  await eventually(async () => (await weir.fetch([HIT]))[0]?.ok === true, 'its item is fetched');
  const load = startLoad(weir, [GUIDE, HIT]);
  try {
    await act();
  } finally {
    const { calls, failures } = await load.end();
    const some = failures.slice(0, 3).join(', ');
    assert.ok(failures.length <= lost, `${failures.length} of ${calls} calls failed: ${some}`);
    assert.ok(calls > 50, `only ${calls} calls were made`);
  }
}

const UP = 'docker compose up --detach --wait';

async function checkKilledRouter(tried: Tried): Promise<void> {
  const { engine, shell } = tried;
  const act = async () => {
    await shell.run('docker compose kill router-1');
    assert.equal(engine.service('router-1').isUp, false);
    await fetchFresh(tried);
    await shell.run(UP);
    assert.equal(engine.service('router-1').isUp, true);
  };
  await underLoad(tried, act, callers);
}

async function checkRollingRestart(tried: Tried): Promise<void> {
  await underLoad(tried, async () => {
    for (const router of ['router-1', 'router-2']) {
      await tried.shell.run(`docker compose restart ${router}`);
      await tried.shell.run(UP);
      assert.deepEqual(tried.engine.service(router).stopped, { code: 0, late: false });
    }
  });
}

async function checkUpgrade(tried: Tried): Promise<void> {
  await tried.shell.run('docker compose build');
  await underLoad(tried, async () => {
    for (const service of ['registry', 'router-1', 'router-2']) {
      await tried.shell.run(`${UP} --no-deps ${service}`);
    }
  });
}

async function checkWithoutRedis(tried: Tried): Promise<void> {
  await underLoad(tried, async () => {
    await tried.shell.run('docker compose kill redis');
    await fetchFresh(tried);
    await tried.shell.run(UP);
  });
}

async function checkWithoutPostgres(tried: Tried): Promise<void> {
  await underLoad(tried, async () => {
    await tried.shell.run('docker compose stop postgres');
    await fetchFresh(tried);
    await assert.rejects(makeKey(tried));
    await tried.shell.run(UP);
  });
  await eventually(() => makeKey(tried), 'a key can be made again');
}

async function checkWithoutRegistry(tried: Tried): Promise<void> {
  await underLoad(tried, async () => {
    await tried.shell.run('docker compose stop registry');
    await fetchFresh(tried);
    await assert.rejects(makeKey(tried));
    await tried.shell.run('docker compose start registry');
    await tried.shell.run(UP);
  });
  await eventually(() => makeKey(tried), 'a key can be made again');
}

const DUMP = 'docker compose exec -T postgres pg_dump -U weir -d weir --format=custom > weir.dump';
const RESTORE = [
  'docker compose stop registry',
  'docker compose exec -T postgres pg_restore -U weir -d weir --clean --if-exists --single-transaction < weir.dump',
  'docker compose exec -T postgres psql -U weir -d weir -c "update installation set epoch = gen_random_uuid()"',
  'docker compose start registry',
  UP,
];

async function checkRestore(tried: Tried): Promise<void> {
  const { shell, url } = tried;
  await shell.run(DUMP);
  const { secret } = await tried.weir.admin.createKey({ principal: 'after', scopes: [] });
  const lost = createWeir({ url, key: secret, retries: 0 });
  // The router that is asked may hear of it a moment later than the one that made it.
  await eventually(() => holds(() => lost.admin.whoAmI({})), 'the later key is known');
  for (const line of RESTORE) await shell.run(line);
  // Both routers took the older truth: a key that was made after the backup is unknown.
  const known = async () => Promise.all([lost, lost].map((one) => one.admin.whoAmI({})));
  await eventually(async () => !(await holds(known)), 'the later key is refused');
  lost.close();
  await eventually(async () => (await tried.weir.fetch([GUIDE]))[0]?.ok === true, 'reads go on');
}

async function checkNewAdminKey({ shell, engine, key }: Tried): Promise<void> {
  const made = await shell.run('docker compose run --rm registry registry/src/new-admin-key.ts');
  assert.match(made, /admin\.key/);
  const now = adminKey(engine);
  assert.notEqual(now, key);
  const list = await shell.run(
    'docker compose exec registry weir --key-file /data/admin.key key list',
  );
  assert.match(list, /made by the operator/);
}

async function checkLogs({ shell, engine, key }: Tried): Promise<void> {
  assert.match(await shell.run('docker compose logs registry'), /listening/);
  const volumes = join(engine.folder, 'volumes');
  const read = (file: string) => readFileSync(join(volumes, file), 'utf8').trim();
  const secrets = [key, adminKey(engine), read('docs-key/key'), read('service-secret/key')];
  secrets.push(read('database-secret/password'));
  for (const { service, output } of engine.services) {
    for (const secret of secrets) {
      // What identifies a key may be logged; its last part may not.
      assert.ok(!output.includes(secret.slice(-24)), `${service.name} logs a secret`);
    }
  }
}

async function checkStop({ shell, engine }: Tried): Promise<void> {
  await shell.run('docker compose down');
  for (const { service, stopped } of engine.services) {
    if (!service.staysUp) continue;
    assert.deepEqual(stopped, { code: 0, late: false }, service.name);
    if (isWeir(service)) assert.ok(service.stopGraceMs > 30_000, `${service.name} has no time`);
  }
}

/** The first administrator's key, from where the registry writes it. */
export function adminKey(engine: Engine): string {
  return readFileSync(join(engine.folder, 'volumes/registry-data/admin.key'), 'utf8').trim();
}

async function fetchFresh({ weir }: Tried): Promise<void> {
  const [outcome] = await weir.fetch([GUIDE]);
  assert.equal(outcome?.ok, true);
}

async function makeKey({ weir }: Tried): Promise<boolean> {
  await weir.admin.createKey({ principal: 'somebody', scopes: [] }, { timeoutMs: 3_000 });
  return true;
}

function holds(act: () => Promise<unknown>): Promise<boolean> {
  return act().then(
    () => true,
    () => false,
  );
}

const EVENTUALLY_MS = 15_000;

async function eventually(holdsNow: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + EVENTUALLY_MS;
  while (!(await holdsNow().catch(() => false))) {
    assert.ok(performance.now() < end, `not within ${EVENTUALLY_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
