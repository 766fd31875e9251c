import { create } from '@bufbuild/protobuf';
import { ListContextResponseSchema, type ListGap } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseLimit } from '../options.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderListing } from '../render/listing.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly prefix?: string;
  readonly query?: string;
  readonly provider?: string;
  readonly purpose?: string;
  readonly limit: number;
}

/** Adds `weir list`. */
export function addList(program: Command, shell: Shell): void {
  program
    .command('list')
    .summary('lists what there is to fetch')
    .description(
      'Lists what there is to fetch: of one context type, or of all. Providers that could not be\n' +
        'asked are named below the list.',
    )
    .argument('[type]', 'a context type, such as DocChunk')
    .option('--prefix <text>', 'only keys that begin with this')
    .option('-q, --query <words>', 'only what matches these words, best match first')
    .option('--provider <name>', 'only what this provider has')
    .option('--purpose <name>', 'what the call is for, where a policy asks, such as support')
    .option('--limit <number>', 'the greatest number of entries', parseLimit, 50)
    .addHelpText(
      'after',
      examples(
        ['weir list', 'everything, of all types'],
        ['weir list DocChunk -q "cold start"', 'documents that match, best first'],
        ['weir list SQLSchema --prefix weir/ --limit 200', 'the tables of one database'],
        ["weir list DocChunk --json | jq -r '.entries[].ref.key'", 'the keys alone'],
      ),
    )
    .action(async (type: string | undefined, _options: Options, command: Command) => {
      const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
      const { prefix: keyPrefix, query, provider, purpose, limit, json } = options;
      const gaps = new Map<string, ListGap>();
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const filter = { type, keyPrefix, query, provider, purpose };
        const answer = await weir.listPage({ ...filter, ...page, signal, timeoutMs });
        for (const gap of answer.gaps) gaps.set(`${gap.provider} ${gap.type}`, gap);
        return { items: answer.entries, nextPageToken: answer.nextPageToken };
      });
      const found = { entries: [...items], gaps: [...gaps.values()], nextPageToken };
      present(shell.terminal, json, {
        schema: ListContextResponseSchema,
        message: create(ListContextResponseSchema, found),
        render: (screen) => renderListing({ ...found, more: nextPageToken !== '' }, screen),
      });
      if (gaps.size > 0) shell.finish(exitCodes.refused);
    });
}
