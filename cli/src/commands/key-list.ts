import { create } from '@bufbuild/protobuf';
import { ListKeysResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderKeys } from '../render/keys.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly principal?: string;
  readonly tenant?: string;
  readonly limit: number;
}

/** Adds `weir key list`. */
export function addKeyList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists keys, without the keys themselves')
    .description('Lists keys, oldest first. The keys themselves are not kept and cannot be shown.')
    .option('--principal <name>', 'only keys of this principal')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(['weir key list', 'all keys'], ['weir key list --principal ci', "one principal's"]),
    )
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { principal = '', tenant = '', limit } = options;
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.admin.listKeys({ principal, tenant, ...page }, { signal });
        return { items: answer.keys, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListKeysResponseSchema,
        message: create(ListKeysResponseSchema, { keys: [...items], nextPageToken }),
        render: (screen) => renderKeys({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
