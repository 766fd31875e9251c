import { resolve } from 'node:path';
import type { GeneratedPostgres, Language } from '@weir/generator';
import { type Command, Option } from 'commander';
import pkg from '../../package.json' with { type: 'json' };
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import {
  type DatabaseOptions,
  readDatabaseOptions,
  type SessionOptions,
  servePostgres,
  tellModel,
  withDatabase,
  withDatabaseOptions,
} from '../postgres-options.ts';
import { jsonText } from '../present.ts';
import { conflictFailure, reportText } from '../render/project.ts';
import { type ServeOptions, withServeOptions } from '../serve-provider.ts';
import type { Shell } from '../shell.ts';

interface Options extends DatabaseOptions, SessionOptions, ServeOptions, GlobalOptions {
  readonly out: string;
  readonly lang: Language;
  readonly sdk?: string;
  readonly onConflict: 'stop' | 'markers';
  readonly register?: boolean;
}

/** Adds `weir provider generate postgres`. */
export function addProviderGeneratePostgres(parent: Command, shell: Shell): void {
  const command = parent
    .command('postgres')
    .summary('writes a provider project for a PostgreSQL database')
    .description(
      'Writes a provider project for a PostgreSQL database: its tables and views become context types.\n' +
        'A second run keeps what you edited.',
    )
    .requiredOption('--out <folder>', 'where to write the project')
    .addOption(
      new Option('--lang <language>', 'the language').choices(['ts', 'python', 'go']).default('ts'),
    )
    .option('--sdk <specifier>', 'what package.json, pyproject.toml or go.mod says of the SDK')
    .addOption(
      new Option('--on-conflict <what>', 'where you and the generator changed the same lines')
        .choices(['stop', 'markers'])
        .default('stop'),
    )
    .option('--register', 'serve and register it at once, until interrupted');
  withServeOptions(withDatabaseOptions(command))
    .addHelpText(
      'after',
      examples(
        ['weir provider generate postgres --out shop', 'of the database in DATABASE_URL'],
        [
          "weir provider generate postgres --include 'public.order*' --out orders",
          'of some of its tables',
        ],
        [
          'weir provider generate postgres --key public.report=id --out shop',
          'with a view, whose key only you know',
        ],
      ),
    )
    .action((database: string | undefined, _options: Options, self: Command) =>
      generate(database, self.optsWithGlobals<Options>(), shell),
    );
}

async function generate(
  database: string | undefined,
  options: Options,
  shell: Shell,
): Promise<void> {
  const given = readDatabaseOptions(database, options, shell);
  const { lang, onConflict, attribute: attributes, out } = options;
  const folder = resolve(shell.cwd, out);
  const generated = await withDatabase(({ generatePostgres, defaultPythonSdk }) => {
    const sdk = options.sdk ?? { ts: pkg.version, python: defaultPythonSdk, go: pkg.version }[lang];
    return generatePostgres({ ...given, folder, lang, sdk, onConflict, attributes });
  });
  tellModel(generated.model, shell);
  if (!generated.report.isWritten) throw conflictFailure(generated.report);
  shell.terminal.out(options.json ? jsonText(reportJson(generated)) : textOf(generated));
  if (options.register) await servePostgres(given, options, shell);
}

function reportJson({ name, model, report }: GeneratedPostgres): object {
  const types = model.tables.map(({ type }) => type);
  return { provider: name, types, notes: model.remarks, files: report.files };
}

function textOf({ name, model, report }: GeneratedPostgres): string {
  const left = model.leftOut.length > 0 ? `; ${model.leftOut.length} things are not offered` : '';
  return `${reportText(report)}${name}: ${model.tables.length} context types${left}\n`;
}
