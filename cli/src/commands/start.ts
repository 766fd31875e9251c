import { resolve } from 'node:path';
import type { Command } from 'commander';
import { examples } from '../examples.ts';
import { parsePort } from '../options.ts';
import type { Shell } from '../shell.ts';

/** What `weir start` can be told. */
export interface StartOptions {
  readonly port?: number;
  readonly data?: string;
  readonly docs?: string;
  readonly sql?: string;
}

/** Adds `weir start`. */
export function addStart(program: Command, shell: Shell): void {
  program
    .command('start')
    .summary('runs Weir in this process, with its embedded database')
    .description(
      'Runs Weir in this process until it is interrupted: registry, router and ready-made\n' +
        'providers, with an embedded database. Settings come from WEIR_* variables; options win.',
    )
    .option('--port <port>', 'where to listen (WEIR_PORT)', parsePort)
    .option('--data <folder>', 'where to keep data (WEIR_DATA_DIR)')
    .option('--docs <folder>', 'a folder of documents to serve (WEIR_DOCS_DIR)')
    .option('--sql <url>', 'a PostgreSQL database whose schema to serve (WEIR_SQL_URL)')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      examples(
        ['weir start', 'on 127.0.0.1:7070, with data in .weir'],
        ['weir start --docs ./handbook --port 8080', 'other documents, another port'],
      ),
    )
    .action(async (options: StartOptions) => {
      const { runStandalone } = await import('@weir/standalone/run');
      await runStandalone(startEnvironment(options, shell));
    });
}

/** The environment that the options of `weir start` stand for. */
export function startEnvironment(
  options: StartOptions,
  { env, cwd }: Pick<Shell, 'env' | 'cwd'>,
): NodeJS.ProcessEnv {
  const { port, data, docs, sql } = options;
  return {
    ...env,
    ...(port !== undefined && { WEIR_PORT: String(port) }),
    ...(data !== undefined && { WEIR_DATA_DIR: resolve(cwd, data) }),
    ...(docs !== undefined && { WEIR_DOCS_DIR: resolve(cwd, docs) }),
    ...(sql !== undefined && { WEIR_SQL_URL: sql }),
  };
}
