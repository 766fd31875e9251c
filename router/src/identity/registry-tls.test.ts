import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  createLogger,
  createMetrics,
  openServerTls,
  peerKey,
  serve,
  systemClock,
  tlsServerSettings,
} from '@weir/kit';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openRegistryTls } from './registry-tls.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const deps = { clock: systemClock, log };

let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority[Symbol.asyncDispose]());

/** A listener as a registry opens it: only routers with a certificate get in. */
async function openListener(host = '127.0.0.1') {
  const { certFile, keyFile } = await authority.issue({ names: `IP:${host}` });
  const tls = await openServerTls(
    tlsServerSettings('WEIR_REGISTRY_TLS', 'routers'),
    {
      ...{ tlsCertFile: certFile, tlsKeyFile: keyFile, tlsClientCaFile: authority.caFile },
      tlsClientCert: 'require',
    },
    deps,
  );
  const seen: string[] = [];
  const metrics = createMetrics('test');
  const server = await serve({
    ...{ host, port: 0, services: [AdminService], log, metrics, tls },
    routes: (router) => router.service(AdminService, { whoAmI: () => ({}) }),
    gate: ({ values }) => void seen.push(values.get(peerKey).certificate?.subject ?? ''),
  });
  return {
    ...{ url: server.url, seen },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      tls?.[Symbol.dispose]();
      await metrics.shutdown();
    },
  };
}

it('a router shows its certificate to the registry, and a new one on a new connection', async () => {
  await using registry = await openListener();
  const install = async (subject: string) => {
    const { certFile, keyFile } = await authority.issue({ use: 'clientAuth', subject });
    await copyFile(certFile, join(authority.folder, 'router.pem'));
    await copyFile(keyFile, join(authority.folder, 'router.key'));
  };
  await install('/CN=router-1');
  const config = { registryUrl: registry.url, registryCaFile: authority.caFile };
  const files = {
    registryCertFile: join(authority.folder, 'router.pem'),
    registryKeyFile: join(authority.folder, 'router.key'),
  };
  using tls = await openRegistryTls({ ...config, ...files }, deps);
  const call = () => {
    const { nodeOptions } = tls;
    const transport = createGrpcTransport({
      baseUrl: registry.url,
      ...(nodeOptions && { nodeOptions }),
    });
    return createClient(AdminService, transport).whoAmI({});
  };
  await call();
  expect(registry.seen).toEqual(['CN=router-1']);
  await install('/CN=router-2');
  await vi.waitFor(
    async () => {
      await call();
      expect(registry.seen.at(-1)).toBe('CN=router-2');
    },
    { timeout: 10_000 },
  );
}, 30_000);

it('a router without a certificate, or that trusts another authority, does not get in', async () => {
  await using registry = await openListener();
  await using other = await openTestAuthority('Another authority');
  const { certFile, keyFile } = await authority.issue({ use: 'clientAuth' });
  const wrong = [
    { registryCaFile: authority.caFile },
    { registryCaFile: other.caFile, registryCertFile: certFile, registryKeyFile: keyFile },
  ];
  for (const config of wrong) {
    using tls = await openRegistryTls({ registryUrl: registry.url, ...config }, deps);
    const { nodeOptions } = tls;
    const options = { baseUrl: registry.url, ...(nodeOptions && { nodeOptions }) };
    const client = createClient(AdminService, createGrpcTransport(options));
    await expect(client.whoAmI({})).rejects.toThrow();
  }
  expect(registry.seen).toEqual([]);
});

it('a registry may have an address of IPv6', async () => {
  await using registry = await openListener('::1');
  const { certFile, keyFile } = await authority.issue({ use: 'clientAuth', subject: '/CN=six' });
  const files = { registryCertFile: certFile, registryKeyFile: keyFile };
  const config = { registryUrl: registry.url, registryCaFile: authority.caFile, ...files };
  using tls = await openRegistryTls(config, deps);
  const { nodeOptions } = tls;
  const options = { baseUrl: registry.url, ...(nodeOptions && { nodeOptions }) };
  await createClient(AdminService, createGrpcTransport(options)).whoAmI({});
  expect(registry.seen).toEqual(['CN=six']);
});

it('certificates for an address in clear text are a contradiction', async () => {
  const config = { registryUrl: 'http://127.0.0.1:7072', registryCaFile: authority.caFile };
  await expect(openRegistryTls(config, deps)).rejects.toThrow('WEIR_REGISTRY_URL is not https');
  const none = await openRegistryTls({ registryUrl: 'http://127.0.0.1:7072' }, deps);
  expect(none.nodeOptions).toBeUndefined();
});
