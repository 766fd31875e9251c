import { resolve } from 'node:path';
import type { ApiModel, Language, ProjectReport } from '@weir/generator';
import { type Command, Option } from 'commander';
import pkg from '../../package.json' with { type: 'json' };
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import {
  type DocumentOptions,
  documentOptions,
  withDocumentOptions,
  withGenerator,
} from '../openapi-options.ts';
import { jsonText } from '../present.ts';
import { conflictFailure, reportText } from '../render/project.ts';
import { type ServeOptions, serveUntilStopped, withServeOptions } from '../serve-provider.ts';
import type { Shell } from '../shell.ts';

interface Options extends DocumentOptions, ServeOptions, GlobalOptions {
  readonly out: string;
  readonly lang: Language;
  readonly sdk?: string;
  readonly onConflict: 'stop' | 'markers';
  readonly register?: boolean;
}

/** Adds `weir provider generate openapi`. */
export function addProviderGenerateOpenApi(parent: Command, shell: Shell): void {
  const command = parent
    .command('openapi')
    .summary('writes a provider project for an API')
    .description(
      'Writes a provider project for an API from its OpenAPI document (3.0, 3.1, 2.0, and 3.2 as far\n' +
        'as it can be read). What is read becomes context; everything else operations, which are off\n' +
        'until they are enabled. A second run keeps what you edited.',
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
  withServeOptions(withDocumentOptions(command))
    .addHelpText(
      'after',
      examples(
        ['weir provider generate openapi petstore.yaml --out petstore', 'a project'],
        [
          "weir provider generate openapi https://api.example.com/openapi.json --out crm --include '/customers*'",
          'of some paths',
        ],
      ),
    )
    .action(async (document: string, _options: Options, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      const given = documentOptions(document, options, shell);
      const out = resolve(shell.cwd, options.out);
      const { lang, onConflict } = options;
      const { model, report } = await withGenerator(({ generateOpenApi, defaultPythonSdk }) => {
        const sdk =
          options.sdk ?? { ts: pkg.version, python: defaultPythonSdk, go: pkg.version }[lang];
        return generateOpenApi({ ...given, out, lang, sdk, onConflict });
      });
      if (!report.isWritten) throw conflictFailure(report);
      const { terminal } = shell;
      terminal.out(
        options.json ? jsonText(reportJson(model, report)) : textOf(model, report, options.out),
      );
      if (!options.register) return;
      const { provider } = await withGenerator(({ openApiProvider }) =>
        openApiProvider({ ...given, env: shell.env }),
      );
      await serveUntilStopped(provider, options, shell);
    });
}

function reportJson({ name, version, counts, notes }: ApiModel, { files }: ProjectReport): object {
  return { provider: name, version, counts, notes, files };
}

function textOf(model: ApiModel, report: ProjectReport, out: string): string {
  const { contexts, lists, readOnlyOperations, otherOperations } = model.counts;
  const operations = readOnlyOperations + otherOperations;
  const notes =
    model.notes.length === 0
      ? ''
      : `notes on the document stand in ${out}/README.md: ${model.notes.length}\n`;
  return (
    `${reportText(report)}${model.name}@${model.version}: context types ${contexts}, listed ${lists}; ` +
    `operations ${operations}, off until enabled\n${notes}`
  );
}
