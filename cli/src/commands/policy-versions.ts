import { ListPolicyVersionsResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import { renderVersions } from '../render/policies.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir policy versions`. */
export function addPolicyVersions(parent: Command, shell: Shell): void {
  parent
    .command('versions')
    .summary('lists the versions of a policy')
    .description('Lists the versions of a policy that are kept, newest first: 100 at most.')
    .argument('<name>', 'its name')
    .addHelpText('after', examples(['weir policy versions starter', 'who changed it, and why']))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.policy.listPolicyVersions({ name }, { signal });
      present(shell.terminal, options.json, {
        schema: ListPolicyVersionsResponseSchema,
        message: answer,
        render: (screen) => renderVersions(answer.versions, screen),
      });
    });
}
