import { create } from '@bufbuild/protobuf';
import { ListTenantsResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderTenants } from '../render/tenants.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly limit: number;
}

/** Adds `weir tenant list`. */
export function addTenantList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists tenants')
    .description('Lists tenants, by name. Needs the scope platform.')
    .addOption(limitOption())
    .addHelpText('after', examples(['weir tenant list', 'all tenants']))
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const answer = await weir.admin.listTenants(page, { signal });
        return { items: answer.tenants, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListTenantsResponseSchema,
        message: create(ListTenantsResponseSchema, { tenants: [...items], nextPageToken }),
        render: (screen) => renderTenants({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
