import { DeregisterProviderResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseNameAndVersion } from '../options.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir provider deregister`. */
export function addProviderDeregister(parent: Command, shell: Shell): void {
  parent
    .command('deregister')
    .summary('removes a provider')
    .description(
      'Removes one version of a provider, or all of them when none is named, with their endpoints.',
    )
    .argument(
      '<name[@version]>',
      'its name; with a version, else all versions',
      parseNameAndVersion,
    )
    .addHelpText(
      'after',
      examples(
        ['weir provider deregister docs@1.2.0', 'one version'],
        ['weir provider deregister docs', 'all versions'],
      ),
    )
    .action(async (which: { name: string; version: string }, _options, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.registry.deregisterProvider(which, { signal });
      present(shell.terminal, options.json, {
        schema: DeregisterProviderResponseSchema,
        message: answer,
        render: () =>
          answer.versions.map((each) => `deregistered ${which.name}@${each}\n`).join(''),
      });
    });
}
