import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** The server that tests may make databases on. */
export const serverUrl = process.env.WEIR_TEST_DATABASE_URL;

/** The password of users that tests make, where the server asks for one. */
export const userPassword = 'only-for-tests';

/** A database of a test's own, gone after it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** Runs a script of many statements, as its owner. */
  run(script: string): Promise<void>;
  /** Its URL for another user, whose password is `userPassword`. */
  as(user: string): string;
}

/** Makes a database on the server that the tests were given. */
export async function openTestDatabase(): Promise<TestDatabase> {
  if (!serverUrl) throw new Error('WEIR_TEST_DATABASE_URL is not set');
  const name = `weir_generator_${randomUUID().slice(0, 8)}`;
  await runOnce(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    name,
    run: (script) => runOnce(url.href, script),
    as(user) {
      const other = new URL(url);
      other.username = user;
      other.password = userPassword;
      return other.href;
    },
    [Symbol.asyncDispose]: () => runOnce(serverUrl, `drop database ${name} with (force)`),
  };
}

async function runOnce(connectionString: string, script: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(script);
  } finally {
    await client.end();
  }
}

const root = join(import.meta.dirname, '../../../..');
const documents = join(process.env.WEIR_TEST_DOCUMENTS ?? join(root, '../shared/data'), 'postgres');

/** Whether the schemas written by others are there; they are no part of the repository. */
export const hasDocuments = existsSync(documents);

/** A schema with everything that one would rather not think of. */
export async function strangeScript({ name }: TestDatabase): Promise<string> {
  const script = await readFile(join(import.meta.dirname, 'strange.sql'), 'utf8');
  return script.replaceAll(':database', name);
}

/**
 * Reads a schema written by others. What only psql understands is left out, and so is what servers
 * need not have: the extension pgvector, and what came with PostgreSQL 18.
 */
export async function readScript(file: string): Promise<string> {
  const script = await readFile(join(documents, file), 'utf8');
  return script
    .replace(/^\\.*$/gm, '')
    .replace(/^(DROP|CREATE) DATABASE .*$/gm, '')
    .replace(/^(CREATE|COMMENT ON) EXTENSION (IF NOT EXISTS )?vector.*$/gm, '')
    .replace(/^CREATE INDEX .* USING hnsw .*$/gm, '')
    .replace('public.vector(20)', 'real[]')
    .replaceAll(' VIRTUAL', ' STORED')
    .replaceAll('uuidv7()', 'gen_random_uuid()');
}

/** What stands beside this file. */
export function readOwnScript(file: string): Promise<string> {
  return readFile(join(import.meta.dirname, file), 'utf8');
}
