import { create } from '@bufbuild/protobuf';
import { ListProvidersResponseSchema } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
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
import { renderProviders } from '../render/providers.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir provider list`. */
export function addProviderList(parent: Command, shell: Shell): void {
  const command = parent
    .command('list')
    .summary('lists and searches providers')
    .description('Lists and searches providers, by name, newest version first, with their health.');
  for (const option of searchOptions()) command.addOption(option);
  command
    .addOption(new Option('--type <type>', 'a context type that it offers'))
    .addOption(new Option('--category <category>', 'a category'))
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        ['weir provider list', 'all of them'],
        ['weir provider list --type DocChunk -q handbook', 'those that match'],
      ),
    )
    .action(async (_options: CatalogueOptions, self: Command) => {
      const { weir, options, signal } = await openCall<CatalogueOptions>(shell, self);
      const filter = catalogueFilter(options);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const answer = await weir.registry.listProviders({ filter, ...page }, { signal });
        return { items: answer.providers, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListProvidersResponseSchema,
        message: create(ListProvidersResponseSchema, { providers: [...items], nextPageToken }),
        render: (screen) => renderProviders({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
