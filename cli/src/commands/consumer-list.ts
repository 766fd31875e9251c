import { create } from '@bufbuild/protobuf';
import { ListConsumersResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { type Command, Option } from 'commander';
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
import { renderConsumers } from '../render/consumers.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir consumer list`. */
export function addConsumerList(parent: Command, shell: Shell): void {
  const command = parent
    .command('list')
    .summary('lists and searches consumers')
    .description('Lists and searches consumers, by name.');
  for (const option of searchOptions()) command.addOption(option);
  command
    .addOption(new Option('--type <type>', 'a context type that it pins'))
    .addOption(new Option('--category <category>', 'a category'))
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        ['weir consumer list', 'all of them'],
        ['weir consumer list --category agent', 'those that match'],
      ),
    )
    .action(async (_options: CatalogueOptions, self: Command) => {
      const { weir, options, signal } = await openCall<CatalogueOptions>(shell, self);
      const filter = catalogueFilter(options);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const answer = await weir.registry.listConsumers({ filter, ...page }, { signal });
        return { items: answer.consumers, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListConsumersResponseSchema,
        message: create(ListConsumersResponseSchema, { consumers: [...items], nextPageToken }),
        render: (screen) => renderConsumers({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
