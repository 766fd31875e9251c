import { defineProvider, type ProviderDefinition } from '@weir/sdk/provider';
import pg from 'pg';
import { DatabaseError, toDatabaseError } from './database-error.ts';
import { type Catalog, introspect } from './introspect.ts';
import { type Model, type ModelOptions, modelOf } from './model.ts';
import { tableContext } from './runtime/context.ts';
import {
  connectionOf,
  type Database,
  type DatabaseOptions,
  openDatabase,
} from './runtime/database.ts';

/** What a database is read with. */
export interface ReadOptions extends ModelOptions {
  /** Where it is. */
  readonly url: string;
  /** Only these schemas. Default: all that the user may use. */
  readonly schemas?: readonly string[] | undefined;
}

/** How a database is served. */
export interface PostgresOptions extends ReadOptions, Omit<DatabaseOptions, 'url' | 'tellCaller'> {
  /** The provider's name. Default: made of the database's. */
  readonly name?: string | undefined;
  /** Attributes of callers that the database is told besides; with `tellCaller`. Default: none. */
  readonly attributes?: readonly string[] | undefined;
}

/** A provider whose database is open, and what it was made from. */
export interface PostgresProvider extends AsyncDisposable {
  readonly provider: ProviderDefinition;
  readonly model: Model;
}

/** As many contexts as a provider can offer. */
const contextsMax = 256;
/** Catalogs of large databases take longer than rows. */
const catalogTimeoutMs = 30_000;

/**
 * Reads what a database holds.
 *
 * @throws {DatabaseError} when it cannot be reached or read; the message names no password.
 */
export async function readModel(options: ReadOptions): Promise<Model> {
  try {
    return modelOf(await readCatalog(options), options);
  } catch (error) {
    throw toDatabaseError(error);
  }
}

async function readCatalog({ url, schemas }: ReadOptions): Promise<Catalog> {
  const connection = connectionOf({ url, statementTimeoutMs: catalogTimeoutMs });
  // Here values are read as they are meant.
  const { types: _, ...rest } = connection;
  const client = new pg.Client(rest);
  client.on('error', () => {});
  try {
    await client.connect();
    return await introspect(client, schemas);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Makes a provider of a database, and opens it: each table and view with a key becomes a context type.
 *
 * @throws {DatabaseError} when the database cannot be reached or offers nothing, or too much for one provider.
 */
export async function openPostgresProvider(options: PostgresOptions): Promise<PostgresProvider> {
  const model = await readModel(options);
  refuseCount(model);
  const database = open(options);
  try {
    await database.check();
    const contexts = model.tables.map((table) => tableContext(database, table));
    const { tellCaller = false, attributes = [] } = options;
    const provider = defineProvider({
      name: options.name ?? providerName(model.database),
      version: '1.0.0',
      title: model.database,
      description: describeProvider(model),
      tags: ['postgresql'],
      category: 'database',
      timeoutMs: 10_000,
      ...(tellCaller && { wantsPrincipal: true, principalAttributes: attributes }),
      contexts,
    });
    return { provider, model, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw toDatabaseError(error);
  }
}

function open(options: PostgresOptions): Database {
  try {
    return openDatabase(options);
  } catch (error) {
    throw toDatabaseError(error);
  }
}

/** @throws {DatabaseError} when a provider cannot offer so many tables, or there is none. */
export function refuseCount({ tables, leftOut }: Model): void {
  if (tables.length === 0) {
    const why = leftOut.slice(0, 10).map(({ name, reason, mend }) => `${name}: ${reason}; ${mend}`);
    throw new DatabaseError(['the database has no table to offer', ...why].join('\n'));
  }
  if (tables.length <= contextsMax) return;
  throw new DatabaseError(
    `the database has ${tables.length} tables and views to offer, and one provider offers at most ${contextsMax}: choose some with --schema or --include, and make several providers`,
  );
}

/** A name for a provider of what the database is called. */
export function providerName(database: string): string {
  const name = database
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
  return name || 'database';
}

const descriptionMaxChars = 2_000;

/** What the provider is, as its database says. */
export function describeProvider({ description, database }: Model): string {
  const said = description
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, descriptionMaxChars)
    .toWellFormed();
  return said || `Tables and views of the database ${database}.`;
}
