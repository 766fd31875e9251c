import { DeregisterConsumerResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir consumer deregister`. */
export function addConsumerDeregister(parent: Command, shell: Shell): void {
  parent
    .command('deregister')
    .summary('removes a consumer')
    .description('Removes a consumer. Refused while keys name it: revoke those first.')
    .argument('<name>', 'its name')
    .addHelpText('after', examples(['weir consumer deregister copilot', 'remove it']))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.registry.deregisterConsumer({ name }, { signal });
      present(shell.terminal, options.json, {
        schema: DeregisterConsumerResponseSchema,
        message: answer,
        render: () => `deregistered ${name}\n`,
      });
    });
}
