import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import {
  type DocumentOptions,
  documentOptions,
  withDocumentOptions,
  withGenerator,
} from '../openapi-options.ts';
import { type ServeOptions, serveUntilStopped, withServeOptions } from '../serve-provider.ts';
import type { Shell } from '../shell.ts';

interface Options extends DocumentOptions, ServeOptions, GlobalOptions {}

/** Adds `weir provider serve openapi`. */
export function addProviderServeOpenApi(parent: Command, shell: Shell): void {
  const command = parent
    .command('openapi')
    .summary('serves an API as a provider, with no code generated')
    .description(
      'Serves an API as a provider from its OpenAPI document, registered with Weir, until it is\n' +
        'interrupted. Secrets are variables, or lines of the file that WEIR_SECRETS_FILE names.',
    );
  withServeOptions(withDocumentOptions(command))
    .addHelpText(
      'after',
      examples(
        ['weir provider serve openapi petstore.yaml', 'as it is'],
        ['weir provider serve openapi petstore.yaml --enable addPet', 'with an operation'],
      ),
    )
    .action(async (document: string, _options: Options, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      const given = documentOptions(document, options, shell);
      const { provider } = await withGenerator(({ openApiProvider }) =>
        openApiProvider({ ...given, env: shell.env }),
      );
      await serveUntilStopped(provider, options, shell);
    });
}
