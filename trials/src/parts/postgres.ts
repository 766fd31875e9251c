import { execFile } from 'node:child_process';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { binary, postgresUser } from './binaries.ts';
import { createPart, type Part } from './part.ts';
import { freePort } from './ports.ts';
import type { Site } from './site.ts';

/** A PostgreSQL server of our own. */
export interface PostgresServer extends AsyncDisposable {
  readonly part: Part;
  readonly port: number;
  /** Its database, by its own port or that of a link to it. */
  url(port?: number): string;
  /** Runs statements on a connection of its own, which may write whatever the server says. */
  run<T extends object = object>(...statements: string[]): Promise<T[]>;
  /** Makes every transaction read-only, or ends that; connections are broken, as by a failover. */
  setReadOnly(readOnly: boolean): Promise<void>;
  /** Waits until it takes connections. */
  ready(): Promise<void>;
}

const READY_MAX_MS = 30_000;
const READY_POLL_MS = 50;
const CONNECT_TIMEOUT_MS = 2_000;

/** Creates a cluster in the site's folder and starts it. Throws MissingBinary. */
export async function openPostgresServer(site: Site): Promise<PostgresServer> {
  const initdb = binary('initdb', 'postgresql');
  const command = binary('postgres', 'postgresql');
  const user = postgresUser();
  const folder = join(site.folder, 'postgres');
  await mkdir(folder, { mode: 0o700 });
  if (user) await chown(folder, user.uid, user.gid);
  const made = ['-D', folder, '-U', 'weir', '--auth=trust', '--encoding=UTF8', '--no-sync'];
  const env = { ...process.env, LC_ALL: 'C' };
  await promisify(execFile)(initdb, made, { ...user, cwd: '/', env });
  const port = await freePort();
  const options = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '' };
  const args = ['-D', folder, ...Object.entries(options).flatMap(([k, v]) => ['-c', `${k}=${v}`])];
  const part = createPart(site, { name: 'postgres', command, args, user });

  async function run<T extends object>(...statements: string[]): Promise<T[]> {
    const connectionTimeoutMillis = CONNECT_TIMEOUT_MS;
    const client = new pg.Client({ connectionString: url(), connectionTimeoutMillis });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('set default_transaction_read_only = off');
      let rows: T[] = [];
      for (const statement of statements) rows = (await client.query<T>(statement)).rows;
      return rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  function url(at = port): string {
    return `postgres://weir@127.0.0.1:${at}/postgres`;
  }

  async function ready(): Promise<void> {
    const end = performance.now() + READY_MAX_MS;
    while (!(await run('select 1').catch(() => undefined))) {
      if (performance.now() > end) throw new Error('PostgreSQL does not take connections');
      await setTimeout(READY_POLL_MS);
    }
  }

  part.start();
  const server: PostgresServer = {
    part,
    port,
    url,
    run,
    ready,
    async setReadOnly(readOnly) {
      await run(
        `alter system set default_transaction_read_only = ${readOnly ? 'on' : 'off'}`,
        'select pg_reload_conf()',
        `select pg_terminate_backend(pid) from pg_stat_activity
         where pid <> pg_backend_pid() and backend_type = 'client backend'`,
      );
    },
    [Symbol.asyncDispose]: () => part.kill(),
  };
  await ready().catch(async (error) => {
    await part.kill();
    throw error;
  });
  return server;
}
