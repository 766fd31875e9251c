import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { ensureServiceSecret } from '@weir/kit';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import { createWeir, Reason, type Weir, WeirCallError } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { openFolder, startWeir } from '../load/weir-process.ts';
import { freePort } from '../parts/ports.ts';
import type { Promised } from './promise.ts';

const perSecond = 100;
/** Of these calls one is made over a connection of its own. */
const freshEvery = 20;
const clients = 4;
const rotations = 3;
const betweenMs = 1_500;
const liveMaxS = 5;
const lookMs = 50;
const warmUpCalls = 500;
const ref = 'Kept/now';
/** What a busy router does with a call; it is not dropped by a certificate. */
const sentAway = 'sent away';

/** P19: the certificate of a router is renewed under load, with a broken one in between. */
export const p19: Promised = {
  id: 'P19',
  says: 'certificates rotate with no dropped call, live within 5 s',
  async measure(signal) {
    await using stack = new AsyncDisposableStack();
    const authority = stack.use(await openTestAuthority());
    const site = await openSite(stack, authority);
    const load = callFor(site, signal);
    const liveS: number[] = [];
    for (let i = 0; i < rotations; i++) {
      await sleep(betweenMs);
      // What is half written, or is no certificate at all, stays out of force.
      await writeFile(site.certFile, 'half a certificate');
      await sleep(betweenMs);
      liveS.push(await rotate(site, authority));
    }
    await sleep(betweenMs);
    const { calls, failures: all } = await load.stop();
    const failures = all.filter((failure) => failure !== sentAway);
    for (const failure of new Set(failures)) console.log(`    ${failure}`);
    const planted = await countPlanted(site);
    const count = (value: number) => ({ value, unit: 'count' as const });
    return [
      { figure: 'calls while certificates rotate', ...count(calls) },
      { figure: 'of them sent away by a busy router', ...count(all.length - failures.length) },
      { figure: 'calls dropped', ...count(failures.length), limit: 0 },
      {
        figure: 'slowest certificate to be live',
        value: Math.max(...liveS),
        unit: 's',
        limit: liveMaxS,
      },
      {
        figure: 'planted: calls that trust another authority, and are counted as dropped',
        ...planted,
      },
    ];
  },
};

interface Site {
  readonly url: string;
  readonly port: number;
  readonly key: string;
  readonly ca: string;
  readonly certFile: string;
  readonly keyFile: string;
}

async function openSite(stack: AsyncDisposableStack, authority: TestAuthority): Promise<Site> {
  const { path } = stack.use(await openFolder());
  const secretFile = join(path, 'service.key');
  ensureServiceSecret('WEIR_SERVICE_SECRET_FILE', secretFile);
  const shared = {
    WEIR_SERVICE_SECRET_FILE: secretFile,
    WEIR_LOG_LEVEL: 'warn',
    WEIR_OUTBOUND_ALLOW: 'loopback',
  };
  const [registryPort, port, opsPort] = [await freePort(), await freePort(), await freePort()];
  const readKey = () => readFile(join(path, 'admin.key'), 'utf8').catch(() => '');
  const registry = {
    ...shared,
    WEIR_REGISTRY_PORT: String(registryPort),
    WEIR_OPS_PORT: String(await freePort()),
    WEIR_DATA_DIR: path,
  };
  stack.use(
    await startWeir('registry/src/main.ts', registry, async () => (await readKey()) !== ''),
  );
  const files = { certFile: join(path, 'router.pem'), keyFile: join(path, 'router.key') };
  await install(files, authority);
  const router = {
    ...shared,
    WEIR_REGISTRY_URL: `http://127.0.0.1:${registryPort}`,
    WEIR_PORT: String(port),
    WEIR_OPS_PORT: String(opsPort),
    WEIR_DATA_DIR: join(path, 'router'),
    WEIR_TLS_CERT_FILE: files.certFile,
    WEIR_TLS_KEY_FILE: files.keyFile,
    WEIR_TLS_CLEAR_TEXT: 'true',
  };
  const isReady = () =>
    fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  stack.use(await startWeir('router/src/main.ts', router, isReady));
  const key = (await readKey()).trim();
  stack.use(await serveProvider(provider(), { url: `http://127.0.0.1:${port}`, key }));
  const site = { url: `https://127.0.0.1:${port}`, port, key, ca: authority.ca, ...files };
  const weir = open(site);
  stack.defer(() => weir.close());
  while (!(await weir.fetch([ref]))[0]?.ok) await sleep(100);
  // What was just started takes many times as long for its first calls.
  for (let i = 0; i < warmUpCalls; i++) await weir.fetch([ref]);
  return site;
}

function provider() {
  return defineProvider({
    name: 'kept',
    version: '1.0.0',
    contexts: [
      defineContext<string>({
        type: 'Kept',
        version: '1.0.0',
        schema: {},
        ttlMs: 600_000,
        fetch: ({ key }) => ({ value: key }),
      }),
    ],
  });
}

/** Puts a new certificate where the router looks, first the one file, then the other. */
async function install(
  files: Pick<Site, 'certFile' | 'keyFile'>,
  authority: TestAuthority,
): Promise<void> {
  const { certFile, keyFile } = await authority.issue();
  await copyFile(certFile, files.certFile);
  await copyFile(keyFile, files.keyFile);
}

/** Rotates the certificate; how long it took until a new connection saw it, in seconds. */
async function rotate(site: Site, authority: TestAuthority): Promise<number> {
  const before = await serialOf(site);
  await install(site, authority);
  const startMs = performance.now();
  while ((await serialOf(site)) === before) await sleep(lookMs);
  return (performance.now() - startMs) / 1000;
}

function serialOf({ port, ca }: Site): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function open({ url, key, ca }: Site): Weir {
  return createWeir({ url, key, retries: 0, tls: { ca } });
}

/** What became of a call; undefined: it was answered. */
async function call(weir: Weir): Promise<string | undefined> {
  try {
    const [outcome] = await weir.fetch([ref]);
    return outcome?.ok ? undefined : 'an item was refused';
  } catch (error) {
    const busy = error instanceof WeirCallError && error.reason === Reason.OVERLOADED;
    return busy ? sentAway : String(error);
  }
}

/** Calls at a steady rate, none of them twice, until it is stopped. */
function callFor(site: Site, signal: AbortSignal) {
  const kept = Array.from({ length: clients }, () => open(site));
  const failures: string[] = [];
  const calls: Promise<void>[] = [];
  let going = true;
  const begin = () => {
    const weir = calls.length % freshEvery === 0 ? open(site) : kept[calls.length % clients];
    if (!weir) return;
    const fresh = !kept.includes(weir);
    const done = call(weir).then((failure) => {
      if (failure !== undefined) failures.push(failure);
      if (fresh) weir.close();
    });
    calls.push(done);
  };
  const startMs = performance.now();
  const loop = (async () => {
    while (going && !signal.aborted) {
      while (startMs + (calls.length * 1000) / perSecond <= performance.now()) begin();
      await sleep(1);
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      await Promise.all(calls);
      for (const weir of kept) weir.close();
      return { calls: calls.length, failures };
    },
  };
}

/** The count of drops counts: calls that cannot succeed are made in the same way. */
async function countPlanted(site: Site) {
  await using other = await openTestAuthority('Another authority');
  const weir = open({ ...site, ca: other.ca });
  const failures = await Promise.all(Array.from({ length: 5 }, () => call(weir)));
  weir.close();
  const dropped = failures.filter((failure) => failure !== undefined).length;
  return { value: dropped, unit: 'count' as const, limit: 5, atLeast: true };
}
