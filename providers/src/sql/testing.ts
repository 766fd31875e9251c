import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import postgres from 'postgres';
import type { Query } from './introspect.ts';

/** A database for a test, gone after it. */
export interface TestDatabase extends AsyncDisposable {
  readonly query: Query;
  /** Runs a script of many statements. */
  run(script: string): Promise<void>;
  /** Its URL, where it has one. */
  readonly url?: string;
}

/** Opens an embedded database, in memory. */
export async function openPglite(): Promise<TestDatabase> {
  const database = await PGlite.create();
  return {
    query: async (sql, params) =>
      (await database.query<Record<string, unknown>>(sql, [...params])).rows,
    run: async (script) => void (await database.exec(script)),
    [Symbol.asyncDispose]: () => database.close(),
  };
}

/** Creates a database on the PostgreSQL server at this URL. */
export async function openServerDatabase(serverUrl: string): Promise<TestDatabase> {
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} });
  const name = `weir_providers_${crypto.randomUUID().slice(0, 8)}`;
  await server.unsafe(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  return {
    url: url.href,
    query: (text, params) => sql.unsafe(text, [...params] as string[]),
    run: async (script) => void (await sql.unsafe(script)),
    async [Symbol.asyncDispose]() {
      await sql.end();
      await server.unsafe(`drop database ${name} with (force)`);
      await server.end();
    },
  };
}

/** Makes a database as it was when it was new. */
export const emptyAll = `
reset all;
do $$ declare name text; begin
  for name in select nspname from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', name);
  end loop;
end $$;
create schema public`;

const documents = new URL('../../../../shared/data/postgres/', import.meta.url);

/** Whether the schemas written by others are there; they are no part of the repository. */
export const hasDocuments = existsSync(documents);

/**
 * Reads a schema written by others. What only psql understands is left out, and so is what servers
 * need not have: the extension pgvector, and what came with PostgreSQL 18.
 */
export async function readScript(name: string): Promise<string> {
  const script = await readFile(new URL(name, documents), 'utf8');
  return script
    .replace(/^\\.*$/gm, '')
    .replace(/^(DROP|CREATE) DATABASE .*$/gm, '')
    .replace(/^(CREATE|COMMENT ON) EXTENSION (IF NOT EXISTS )?vector.*$/gm, '')
    .replace(/^CREATE INDEX .* USING hnsw .*$/gm, '')
    .replace('public.vector(20)', 'real[]')
    .replaceAll(' VIRTUAL', ' STORED')
    .replaceAll('uuidv7()', 'gen_random_uuid()');
}
