import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { describe } from 'vitest';
import type { Driver } from '../../store/driver.ts';
import { openPostgres } from '../../store/postgres.ts';
import { describeAuditStore } from './conformance.ts';

const url = process.env.WEIR_TEST_DATABASE_URL;

if (url) describeAuditStore('PostgreSQL', () => openFresh(url));
else describe.skip('store of records on PostgreSQL (WEIR_TEST_DATABASE_URL is not set)', () => {});

/** A new database, dropped when it is closed. */
async function openFresh(server: string): Promise<Driver> {
  const name = `weir_test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(server, { max: 1 });
  await admin.unsafe(`create database ${name}`);
  const own = new URL(server);
  own.pathname = `/${name}`;
  const driver = await openPostgres(own.href);
  return {
    ...driver,
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]();
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}
