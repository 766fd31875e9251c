import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import {
  type DatabaseOptions,
  readDatabaseOptions,
  type SessionOptions,
  servePostgres,
  withDatabaseOptions,
  withSessionOptions,
} from '../postgres-options.ts';
import { type ServeOptions, withServeOptions } from '../serve-provider.ts';
import type { Shell } from '../shell.ts';

interface Options extends DatabaseOptions, SessionOptions, ServeOptions, GlobalOptions {}

/** Adds `weir provider serve postgres`. */
export function addProviderServePostgres(parent: Command, shell: Shell): void {
  const command = parent
    .command('postgres')
    .summary('serves a PostgreSQL database as a provider, with no code generated')
    .description(
      'Serves the tables and views of a PostgreSQL database as a provider, registered with Weir, until\n' +
        'it is interrupted. It only reads.',
    );
  withServeOptions(withSessionOptions(withDatabaseOptions(command)))
    .addHelpText(
      'after',
      examples(
        ['weir provider serve postgres', 'the database in DATABASE_URL'],
        ['weir provider serve postgres --schema shop --type-prefix Shop', 'one of its schemas'],
        [
          'weir provider serve postgres --tell-caller',
          'row-level security decides for each caller',
        ],
      ),
    )
    .action((database: string | undefined, _options: Options, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return servePostgres(readDatabaseOptions(database, options, shell), options, shell);
    });
}
