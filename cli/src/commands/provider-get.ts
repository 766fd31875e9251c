import { GetProviderResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseNameAndVersion } from '../options.ts';
import { present } from '../present.ts';
import { renderProvider } from '../render/providers.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir provider get`. */
export function addProviderGet(parent: Command, shell: Shell): void {
  parent
    .command('get')
    .summary('shows a provider')
    .description(
      'Shows one version of a provider: what it offers, and its endpoints with their health.',
    )
    .argument(
      '<name[@version]>',
      'its name; with a version or a range, else the newest',
      parseNameAndVersion,
    )
    .addHelpText(
      'after',
      examples(
        ['weir provider get docs', 'the newest version'],
        ['weir provider get docs@^1', 'the newest of a range'],
      ),
    )
    .action(async (which: { name: string; version: string }, _options, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.registry.getProvider(which, { signal });
      present(shell.terminal, options.json, {
        schema: GetProviderResponseSchema,
        message: answer,
        render: (screen) => (answer.provider ? renderProvider(answer.provider, screen) : ''),
      });
    });
}
