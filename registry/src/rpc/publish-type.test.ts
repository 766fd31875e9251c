import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { createContextValues, createHandlerContext } from '@connectrpc/connect';
import {
  callerKey,
  createConsistencyTokens,
  createLogger,
  createOutboundGuard,
  systemClock,
  WeirError,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { openChecks } from '../checks/checks.ts';
import type { Core } from '../core.ts';
import { dumpNewDatabase, openPglite } from '../store/pglite.ts';
import { openSqlStore } from '../store/sql-store.ts';
import { publishType } from './publish-type.ts';

const log = createLogger({ name: 'test', level: 'silent' });

async function openCore(): Promise<Core & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const driver = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  const store = opening.use(await openSqlStore(driver, systemClock));
  const checks = opening.use(openChecks(log));
  const open = opening.move();
  return {
    store,
    checks,
    clock: systemClock,
    log,
    outbound: createOutboundGuard({ allow: [], log }),
    tokens: createConsistencyTokens(new Uint8Array(32)),
    leaseMs: 3000,
    newId: () => randomBytes(8).toString('hex'),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Publishes a version whose values are of the types given. */
async function publish(core: Core, version: string, type: readonly string[]): Promise<void> {
  const contextValues = createContextValues().set(callerKey, {
    tenant: 'default',
    principal: 'ann',
    consumer: '',
    keyId: 'k',
    authentication: 'key',
    permits: [],
    network: '127.0.0.1',
    scopes: new Set([Scope.REGISTER]),
    attributes: {},
  });
  const value = JSON.stringify({ name: 'Doc', version, schema: { type } });
  const context = createHandlerContext({
    service: RegistryService,
    method: RegistryService.method.publishType,
    protocolName: 'test',
    requestMethod: 'POST',
    url: 'http://test',
    contextValues,
  });
  const request = { source: { case: 'document' as const, value } };
  await publishType(core)(request as never, context);
}

/** The checks, with something that happens between each proof and the writing. */
function interrupted(core: Core, interrupt: () => Promise<void>): Core {
  const { checks } = core;
  return {
    ...core,
    checks: {
      ...checks,
      async requireKept(...of) {
        await checks.requireKept(...of);
        await interrupt();
      },
    },
  };
}

async function reasonOf(call: Promise<unknown>): Promise<Reason | undefined> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof WeirError ? error.reason : undefined;
}

const versionsOf = async (core: Core) =>
  (await core.store.typeVersions('default', 'Doc')).map((type) => type.manifest?.version);

test('what was proved against a version that is no longer the newest is proved again', async () => {
  await using core = await openCore();
  await publish(core, '1.0.0', ['string']);
  let times = 0;
  const overtaken = interrupted(core, async () => {
    times += 1;
    if (times === 1) await publish(core, '1.1.0', ['string', 'null']);
  });
  expect(await reasonOf(publish(overtaken, '1.2.0', ['string']))).toBe(Reason.INCOMPATIBLE);
  expect(await versionsOf(core)).toEqual(['1.1.0', '1.0.0']);
  times = 0;
  const again = interrupted(core, async () => {
    times += 1;
    if (times === 1) await publish(core, '1.2.0', ['string', 'null', 'integer']);
  });
  await publish(again, '1.3.0', ['string', 'null', 'number']);
  expect(times).toBe(2);
  expect(await versionsOf(core)).toEqual(['1.3.0', '1.2.0', '1.1.0', '1.0.0']);
});

test('one that is overtaken again and again is refused, and may be tried again', async () => {
  await using core = await openCore();
  await publish(core, '1.0.0', ['string']);
  let patch = 0;
  const overtaken = interrupted(core, async () => {
    patch += 1;
    await publish(core, `1.0.${patch}`, ['string']);
  });
  expect(await reasonOf(publish(overtaken, '1.1.0', ['string']))).toBe(Reason.OVERLOADED);
  expect(await versionsOf(core)).not.toContain('1.1.0');
});

test('the same version published at once is stored once', async () => {
  await using core = await openCore();
  await Promise.all([1, 2, 3, 4].map(() => publish(core, '1.0.0', ['string'])));
  expect(await versionsOf(core)).toEqual(['1.0.0']);
  const other = await reasonOf(publish(core, '1.0.0', ['null']));
  expect(other).toBe(Reason.ALREADY_EXISTS);
});
