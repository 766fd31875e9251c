import { RevokeKeyResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir key revoke`. */
export function addKeyRevoke(parent: Command, shell: Shell): void {
  parent
    .command('revoke')
    .summary('revokes a key, for good')
    .description(
      'Revokes a key, for good. Its id is the middle part of the key: weir_<id>_<secret>.',
    )
    .argument('<id>', "the key's id, as `weir key list` shows it")
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir key revoke k3j5h2m4n6p7q2r4', 'revoke one key']))
    .action(async (id: string, _options: Options, command: Command) => {
      if (id.includes('_')) throw wholeKey();
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '' } = options;
      const answer = await weir.admin.revokeKey({ id, tenant }, { signal });
      present(shell.terminal, options.json, {
        schema: RevokeKeyResponseSchema,
        message: answer,
        render: () => `revoked ${id}\n`,
      });
    });
}

// A whole key on a command line is seen by others; it is neither sent nor repeated.
function wholeKey() {
  return usageFailure(
    'That is no id; it looks like a whole key.',
    'Give its middle part: weir_<id>_<secret>.',
  );
}
