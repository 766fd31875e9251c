import { randomUUID } from 'node:crypto';
import type { Clock } from '@weir/kit';
import type { Database, Driver } from './driver.ts';
import {
  CHANGE_CHANNEL,
  type Ledger,
  openLedger,
  pruneChanges,
  readChangesAfter,
  readPosition,
  readSnapshot,
  renewEpoch,
  seedInstallation,
} from './ledger.ts';
import type { Reader, Store, Transaction } from './store.ts';
import { readCertificates, writeCertificates } from './tables/certificates.ts';
import { readConsumers, writeConsumers } from './tables/consumers.ts';
import { sharingDuties } from './tables/duties.ts';
import { readEndpoints, renewingLeases, writeEndpoints } from './tables/endpoints.ts';
import { readGrants, writeGrants } from './tables/grants.ts';
import { readIssuers, writeIssuers } from './tables/issuers.ts';
import { readKeys, writeKeys } from './tables/keys.ts';
import { readPolicies, writePolicies } from './tables/policies.ts';
import { readPrincipals, writePrincipals } from './tables/principals.ts';
import { readProviders, writeProviders } from './tables/providers.ts';
import { readTenants, writeTenants } from './tables/tenants.ts';
import { readToolGroups, writeToolGroups } from './tables/tool-groups.ts';
import { readTypes, writeTypes } from './tables/types.ts';
import { upgradeEntries } from './upgrade.ts';

/** Opens the one store there is, over any driver; it owns the driver. */
export async function openSqlStore(driver: Driver, clock: Clock): Promise<Store> {
  await using opening = new AsyncDisposableStack();
  opening.use(driver);
  await seedInstallation(driver.db, randomUUID());
  await renewEpoch(driver.db, await driver.identity(), randomUUID());
  await upgradeEntries(driver.db, randomUUID());
  const open = opening.move();
  return createSqlStore(driver, clock, () => open.disposeAsync());
}

function createSqlStore(driver: Driver, clock: Clock, close: () => Promise<void>): Store {
  const { db } = driver;
  const wakes = new Set<() => void>();

  async function transact<T>(fn: (transaction: Transaction) => Promise<T>) {
    const written = await db.transaction(async (tx) => {
      const ledger = await openLedger(tx, clock.wallMs());
      const value = await fn({ ...reading(tx, true), ...writing(tx, ledger) });
      const { epoch, revision } = await ledger.close();
      return { value, epoch, revision };
    });
    for (const wake of wakes) wake();
    return written;
  }

  async function onChange(wake: () => void): Promise<AsyncDisposable> {
    const listening = await driver.listen(CHANGE_CHANNEL, wake);
    wakes.add(wake);
    return {
      async [Symbol.asyncDispose]() {
        wakes.delete(wake);
        await listening[Symbol.asyncDispose]();
      },
    };
  }

  return {
    ...reading(db, false),
    ...renewingLeases(db),
    ...sharingDuties(db),
    transact,
    onChange,
    snapshot: () => db.transaction(readSnapshot, { isolationLevel: 'repeatable read' }),
    changesAfter: (revision, limit) => readChangesAfter(db, revision, limit),
    pruneChanges: (kept, beforeMs) => pruneChanges(db, kept, beforeMs),
    query: driver.query,
    [Symbol.asyncDispose]: close,
  };
}

function reading(db: Database, inTransaction: boolean): Reader {
  return {
    position: () => readPosition(db),
    ...readTenants(db),
    ...readTypes(db),
    ...readProviders(db),
    ...readEndpoints(db, inTransaction),
    ...readGrants(db),
    ...readPolicies(db),
    ...readConsumers(db),
    ...readPrincipals(db),
    ...readIssuers(db),
    ...readCertificates(db),
    ...readKeys(db),
    ...readToolGroups(db),
  };
}

function writing(db: Database, ledger: Ledger): Omit<Transaction, keyof Reader> {
  return {
    ...writeTenants(db, ledger),
    ...writeTypes(db, ledger),
    ...writeProviders(db, ledger),
    ...writeEndpoints(db, ledger),
    ...writeGrants(db, ledger),
    ...writePolicies(db, ledger),
    ...writeConsumers(db, ledger),
    ...writePrincipals(db, ledger),
    ...writeIssuers(db, ledger),
    ...writeCertificates(db, ledger),
    ...writeKeys(db, ledger),
    ...writeToolGroups(db, ledger),
  };
}
