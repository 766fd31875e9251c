import { create } from '@bufbuild/protobuf';
import { ListToolsResponseSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderTools } from '../render/tools.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly group?: string;
  readonly provider?: string;
  readonly limit: number;
}

/** Adds `weir tool list`. */
export function addToolList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('lists the tools that may be called')
    .description('Lists the tools and prompts that the key may call, by name.')
    .option('--group <name>', 'as a tool group has them')
    .option('--provider <name>', 'of one provider')
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        ['weir tool list', 'all tools'],
        ['weir tool list --group support', 'those of a group'],
      ),
    )
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { group = '', provider = '', limit } = options;
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.tools.listTools({ group, provider, ...page }, { signal });
        return { items: answer.tools, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListToolsResponseSchema,
        message: create(ListToolsResponseSchema, { tools: [...items], nextPageToken }),
        render: (screen) => renderTools({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
