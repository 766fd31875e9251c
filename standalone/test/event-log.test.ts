import { randomBytes } from 'node:crypto';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createAssertions, createLogger } from '@weir/kit';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { openRegistry, registryDefaults } from '@weir/registry';
import { createRegistryLog } from '@weir/router/event-log';
import { describeEventLog, type LogWorld } from '@weir/router/log-conformance';
import postgres from 'postgres';
import { describe } from 'vitest';
import { openDatabase, openFolder } from './weir.ts';

// The registry's logs of events, as routers have them. Redis's are tried beside their driver.

const server = process.env.WEIR_TEST_DATABASE_URL;
const log = createLogger({ name: 'test', level: 'silent' });

async function openWorld(): Promise<LogWorld> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openDatabase(server ?? ''));
  const folder = stack.use(await openFolder());
  const serviceSecret = new Uint8Array(randomBytes(32));
  const own = { port: 0, dataDir: folder.path, databaseUrl: database.url, serviceSecret };
  const registry = stack.use(await openRegistry({ ...registryDefaults, ...own }, { log }));
  const link = stack.use(await openTcpLink(registry.url));
  const assertions = createAssertions(serviceSecret);
  const logAt = (baseUrl: string) => {
    const way = () =>
      createGrpcTransport({
        baseUrl,
        interceptors: [
          (next) => async (request) => {
            const assertion = await assertions.sign({ kind: 'service', name: 'router' });
            request.header.set('authorization', `Bearer ${assertion}`);
            return next(request);
          },
        ],
      });
    return createRegistryLog({ appending: way(), following: way() });
  };
  const sql = stack.adopt(postgres(database.url, { max: 1 }), (open) => open.end());
  const owned = stack.move();
  return {
    ...{ one: logAt(link.url), other: logAt(registry.url), cut: link.cut, mend: link.mend },
    // The registry forgets by its own clock and bounds, which nobody can set: its own tests try that.
    async forget(tenant, kept) {
      await sql`update event_logs set first = head + 1 - ${kept} where tenant = ${tenant}`;
      await sql`delete from events e using event_logs l
        where e.tenant = ${tenant} and l.tenant = ${tenant} and e.position < l.first`;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!server)('(skipped without WEIR_TEST_DATABASE_URL)', () => {
  describeEventLog('the registry', openWorld);
});
