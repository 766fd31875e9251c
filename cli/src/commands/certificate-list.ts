import { create } from '@bufbuild/protobuf';
import { ListCertificatesResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderCertificates } from '../render/issuers.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
  readonly limit: number;
}

/** Adds `weir certificate list`. */
export function addCertificateList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists the client certificates that are believed')
    .description('Lists the client certificates that are believed, by name.')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addOption(limitOption())
    .addHelpText('after', examples(['weir certificate list', 'all certificates']))
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '', limit } = options;
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.admin.listCertificates({ tenant, ...page }, { signal });
        return { items: answer.certificates, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListCertificatesResponseSchema,
        message: create(ListCertificatesResponseSchema, {
          certificates: [...items],
          nextPageToken,
        }),
        render: (screen) => renderCertificates({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
