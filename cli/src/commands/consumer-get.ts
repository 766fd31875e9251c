import { GetConsumerResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import { renderConsumer } from '../render/consumers.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir consumer get`. */
export function addConsumerGet(parent: Command, shell: Shell): void {
  parent
    .command('get')
    .summary('shows a consumer')
    .description('Shows a consumer: what it is, and the versions that it pins.')
    .argument('<name>', 'its name')
    .addHelpText('after', examples(['weir consumer get copilot', 'one consumer']))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.registry.getConsumer({ name }, { signal });
      present(shell.terminal, options.json, {
        schema: GetConsumerResponseSchema,
        message: answer,
        render: (screen) => (answer.consumer ? renderConsumer(answer.consumer, screen) : ''),
      });
    });
}
