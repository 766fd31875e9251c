import { GetTypeResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseNameAndVersion } from '../options.ts';
import { present } from '../present.ts';
import { renderType } from '../render/types.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir type get`. */
export function addTypeGet(parent: Command, shell: Shell): void {
  parent
    .command('get')
    .summary('shows a context type')
    .description('Shows one version of a context type, with its JSON Schema.')
    .argument(
      '<name[@version]>',
      'its name; with a version or a range, else the newest',
      parseNameAndVersion,
    )
    .addHelpText(
      'after',
      examples(
        ['weir type get DocChunk', 'the newest version'],
        ['weir type get Ticket@1.0.0 --json | jq .type.manifest.schema', 'the schema alone'],
      ),
    )
    .action(async (which: { name: string; version: string }, _options, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.registry.getType(which, { signal });
      present(shell.terminal, options.json, {
        schema: GetTypeResponseSchema,
        message: answer,
        render: (screen) => (answer.type ? renderType(answer.type, screen) : ''),
      });
    });
}
