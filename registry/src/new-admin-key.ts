import { join } from 'node:path';
import { systemClock } from '@weir/kit';
import { addAdminKey } from './bootstrap.ts';
import { readRegistryConfig } from './config.ts';
import { openPglite } from './store/pglite.ts';
import { openPostgres } from './store/postgres.ts';
import { openSqlStore } from './store/sql-store.ts';

// For an operator who lost the administrator's key: makes another one, straight in the database.

try {
  const { databaseUrl, dataDir } = readRegistryConfig(process.env);
  const driver = await (databaseUrl === undefined
    ? openPglite({ directory: join(dataDir, 'db') })
    : openPostgres(databaseUrl));
  await using store = await openSqlStore(driver, systemClock);
  const file = await addAdminKey(store, systemClock, dataDir);
  process.stdout.write(`made a new administrator key in ${file}\n`);
} catch (error) {
  process.stderr.write(`weir: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
