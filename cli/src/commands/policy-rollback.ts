import { RollbackPolicyResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseLimit } from '../options.ts';
import { present } from '../present.ts';
import { nameAndVersion } from '../render/policies.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly to?: number;
  readonly comment?: string;
}

/** Adds `weir policy rollback`. */
export function addPolicyRollback(parent: Command, shell: Shell): void {
  parent
    .command('rollback')
    .summary('puts an older version of a policy into force again')
    .description(
      'Puts an older version of a policy into force again, as a new version: so a rollback can be\n' +
        'rolled back too.',
    )
    .argument('<name>', 'its name')
    .option('--to <version>', 'which version (default: the one before)', parseLimit)
    .option('-m, --comment <text>', 'why, for people')
    .addHelpText(
      'after',
      examples(
        ['weir policy rollback hr', 'undo the last change'],
        ['weir policy rollback hr --to 3', 'go back to version 3'],
      ),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { to: version = 0, comment = '' } = options;
      const answer = await weir.policy.rollbackPolicy({ name, version, comment }, { signal });
      present(shell.terminal, options.json, {
        schema: RollbackPolicyResponseSchema,
        message: answer,
        render: () => `in force: ${nameAndVersion(answer.policy)}\n`,
      });
    });
}
