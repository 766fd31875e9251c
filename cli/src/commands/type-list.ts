import { create } from '@bufbuild/protobuf';
import { ListTypesResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import {
  type CatalogueOptions,
  catalogueFilter,
  limitOption,
  searchOptions,
} from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderTypes } from '../render/types.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir type list`. */
export function addTypeList(parent: Command, shell: Shell): void {
  const command = parent
    .command('list')
    .summary('lists and searches context types')
    .description(
      'Lists and searches context types, built in and of the tenant, newest version first.',
    );
  for (const option of searchOptions()) command.addOption(option);
  command
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(['weir type list', 'all of them'], ['weir type list -q schema', 'those that match']),
    )
    .action(async (_options: CatalogueOptions, self: Command) => {
      const { weir, options, signal } = await openCall<CatalogueOptions>(shell, self);
      const { text, tag } = catalogueFilter(options);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const answer = await weir.registry.listTypes(
          { filter: { text, tag }, ...page },
          { signal },
        );
        return { items: answer.types, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListTypesResponseSchema,
        message: create(ListTypesResponseSchema, { types: [...items], nextPageToken }),
        render: (screen) => renderTypes({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
