import { DeleteGroupResponseSchema } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir group delete`. */
export function addGroupDelete(parent: Command, shell: Shell): void {
  parent
    .command('delete')
    .summary('removes a tool group with its keys')
    .description('Removes a tool group. Its keys stop working, and sessions with them end.')
    .argument('<name>', 'its name')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir group delete support', 'one group']))
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '' } = options;
      const answer = await weir.groups.deleteGroup({ name, tenant }, { signal });
      present(shell.terminal, options.json, {
        schema: DeleteGroupResponseSchema,
        message: answer,
        render: () => `deleted ${name}\n`,
      });
    });
}
