import { DeletePolicyResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir policy delete`. */
export function addPolicyDelete(parent: Command, shell: Shell): void {
  parent
    .command('delete')
    .summary('takes a policy out of force, with all its versions')
    .description(
      'Takes a policy out of force and removes all its versions. What no other policy allows is\n' +
        'denied from then on.',
    )
    .argument('<name>', 'its name')
    .addHelpText('after', examples(['weir policy delete hr', 'one policy']))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.policy.deletePolicy({ name }, { signal });
      present(shell.terminal, options.json, {
        schema: DeletePolicyResponseSchema,
        message: answer,
        render: () => `deleted ${name}\n`,
      });
    });
}
