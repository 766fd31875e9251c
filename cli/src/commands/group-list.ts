import { create } from '@bufbuild/protobuf';
import { ListGroupsResponseSchema } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderGroups } from '../render/tools.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
  readonly limit: number;
}

/** Adds `weir group list`. */
export function addGroupList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists the tool groups')
    .description('Lists the tool groups of the tenant, by name.')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addOption(limitOption())
    .addHelpText('after', examples(['weir group list', 'all groups']))
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '', limit } = options;
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.groups.listGroups({ tenant, ...page }, { signal });
        return { items: answer.groups, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListGroupsResponseSchema,
        message: create(ListGroupsResponseSchema, { groups: [...items], nextPageToken }),
        render: (screen) => renderGroups({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
