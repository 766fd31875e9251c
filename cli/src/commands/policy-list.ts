import { ListPoliciesResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import { renderPolicies } from '../render/policies.ts';
import type { Shell } from '../shell.ts';

/** As many as a tenant can have. */
const POLICIES_MAX = 100;

/** Adds `weir policy list`. */
export function addPolicyList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists the policies in force')
    .description('Lists the policies in force, by name. All of them count together.')
    .addHelpText('after', examples(['weir policy list', 'all of them']))
    .action(async (_options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.policy.listPolicies({ pageSize: POLICIES_MAX }, { signal });
      present(shell.terminal, options.json, {
        schema: ListPoliciesResponseSchema,
        message: answer,
        render: (screen) => renderPolicies(answer.policies, screen),
      });
    });
}
