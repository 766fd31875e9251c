import type { PostgresModel, ReadPostgresOptions } from '@weir/generator';
import { Reason, WeirCallError } from '@weir/sdk';
import { type Command, InvalidArgumentError } from 'commander';
import type { GlobalOptions } from './call.ts';
import { exitCodes } from './exit-codes.ts';
import { Failure, fromCall, usageFailure } from './failure.ts';
import { withGenerator } from './openapi-options.ts';
import { parseLimit, parseTexts, parseTimeMs } from './options.ts';
import { oneLine } from './render/text.ts';
import { type ServeOptions, serveUntilStopped } from './serve-provider.ts';
import type { Shell } from './shell.ts';

/** What can be said of a database on the command line. */
export interface DatabaseOptions {
  readonly schema?: readonly string[];
  readonly include?: readonly string[];
  readonly key?: ReadonlyMap<string, string>;
  readonly type?: ReadonlyMap<string, string>;
  readonly typePrefix?: string;
  readonly typeVersion?: string;
  readonly name?: string;
  readonly tellCaller?: boolean;
  readonly attribute?: readonly string[];
}

/** Adds the argument and the options that say which database, and what of it. */
export function withDatabaseOptions(command: Command): Command {
  return command
    .argument('[database]', 'its URL; with a password, better in DATABASE_URL')
    .option('--name <name>', "the name of the provider (default: the database's)")
    .option('--schema <names>', 'only these schemas', parseTexts)
    .option(
      '--include <patterns>',
      "only tables such as 'public.order*'; * is any text",
      parseTexts,
    )
    .option('--key <table=columns>', 'the columns of a key (repeatable)', parseOfTable)
    .option('--type <table=name>', 'the name of a type (repeatable)', parseOfTable)
    .option('--type-prefix <name>', 'what the names of types begin with, such as Shop')
    .option('--type-version <version>', 'the version of the types (default: 1.0.0)')
    .option('--tell-caller', 'tell the database for whom it is asked, for row-level security')
    .option('--attribute <names>', 'attributes of callers that it is told besides', parseTexts);
}

/** How the sessions of a database are opened. */
export interface SessionOptions {
  readonly statementTimeout?: number;
  readonly connections?: number;
}

/** Adds the options that say how the sessions of a database are opened. */
export function withSessionOptions(command: Command): Command {
  return command
    .option(
      '--statement-timeout <time>',
      'how long a statement may take (default: 4s)',
      parseTimeMs,
    )
    .option('--connections <number>', 'connections at once, up to 100 (default: 8)', parseLimit);
}

/** The same as the generator takes it. */
export function readDatabaseOptions(
  database: string | undefined,
  options: DatabaseOptions,
  { env }: Pick<Shell, 'env'>,
): ReadPostgresOptions & { readonly name: string | undefined } {
  const url = database ?? env.DATABASE_URL;
  if (!url) throw usageFailure('No database is named.', 'Give its URL, or set DATABASE_URL.');
  const { schema, include, key = new Map(), type, tellCaller, typePrefix, typeVersion } = options;
  if (options.attribute && !tellCaller) throw usageFailure('--attribute needs --tell-caller.');
  const patterns = (include ?? []).map(patternOf);
  return {
    ...{ url, name: options.name, schemas: schema, types: type },
    ...{ typePrefix, typeVersion, tellCaller },
    keys: new Map([...key].map(([table, columns]) => [table, columns.split(',')])),
    include: include && ((name: string) => patterns.some((pattern) => pattern.test(name))),
  };
}

/** Serves a database, registered with Weir, until the user interrupts. */
export async function servePostgres(
  given: ReadPostgresOptions & { readonly name: string | undefined },
  options: DatabaseOptions & SessionOptions & ServeOptions & GlobalOptions,
  shell: Shell,
): Promise<void> {
  const onFault = ({ text, error }: { readonly text: string; readonly error: unknown }) => {
    const cause = error instanceof Error ? error.message : String(error);
    shell.terminal.err(`${oneLine(`${text} (${cause})`)}\n`);
  };
  await using opened = await withDatabase(({ openPostgresProvider }) =>
    openPostgresProvider({
      ...given,
      attributes: options.attribute,
      statementTimeoutMs: options.statementTimeout,
      maxConnections: options.connections,
      onFault,
    }),
  );
  tellModel(opened.model, shell);
  await serveUntilStopped(opened.provider, options, shell).catch((error: unknown) => {
    throw isTaken(error) ? takenFailure(error) : error;
  });
}

function isTaken(error: unknown): error is WeirCallError {
  return error instanceof WeirCallError && error.reason === Reason.ALREADY_EXISTS;
}

function takenFailure(error: WeirCallError): Failure {
  const { exitCode, message, reason } = fromCall(error);
  const mend =
    'If the type is of another provider, name yours otherwise with --type-prefix; if the table has changed, raise --type-version.';
  return new Failure(exitCode, message, { mend, reason, cause: error });
}

/** Loads the generator, and tells what is wrong with a database as the error of a command. */
export function withDatabase<T>(
  act: (generator: typeof import('@weir/generator')) => Promise<T>,
): Promise<T> {
  return withGenerator(async (generator) => {
    try {
      return await act(generator);
    } catch (error) {
      if (!(error instanceof generator.DatabaseError)) throw error;
      throw new Failure(exitCodes.refused, error.message, { cause: error });
    }
  });
}

/** Says what of a database is not offered, and what should be looked at. */
export function tellModel({ leftOut, remarks }: PostgresModel, { terminal }: Shell): void {
  const left = leftOut.map(({ name, reason, mend }) => `not offered: ${name}: ${reason}; ${mend}`);
  const noted = remarks.map((remark) => `note: ${remark}`);
  for (const line of [...left, ...noted]) terminal.err(`${oneLine(line)}\n`);
}

function parseOfTable(text: string, before: ReadonlyMap<string, string> = new Map()) {
  const at = text.lastIndexOf('=');
  if (at > 0 && at < text.length - 1) {
    return new Map([...before, [text.slice(0, at), text.slice(at + 1)]]);
  }
  throw new InvalidArgumentError('Write SCHEMA.TABLE=…');
}

/** "*" stands for any text. */
function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'u');
}
