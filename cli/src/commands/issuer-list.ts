import { create } from '@bufbuild/protobuf';
import { ListIssuersResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderIssuers } from '../render/issuers.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
  readonly limit: number;
}

/** Adds `weir issuer list`. */
export function addIssuerList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists the issuers whose tokens are believed')
    .description('Lists the issuers whose tokens are believed, by name.')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addOption(limitOption())
    .addHelpText('after', examples(['weir issuer list', 'all issuers']))
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '', limit } = options;
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.admin.listIssuers({ tenant, ...page }, { signal });
        return { items: answer.issuers, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListIssuersResponseSchema,
        message: create(ListIssuersResponseSchema, { issuers: [...items], nextPageToken }),
        render: (screen) => renderIssuers({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
