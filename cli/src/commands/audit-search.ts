import { create } from '@bufbuild/protobuf';
import { SearchRecordsResponseSchema } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { Command } from 'commander';
import { addFilterOptions, type FilterOptions, filterOf } from '../audit/filter.ts';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderRecords } from '../render/records.ts';
import type { Shell } from '../shell.ts';

interface Options extends FilterOptions {
  readonly limit: number;
}

/** Adds `weir audit search`. */
export function addAuditSearch(parent: Command, shell: Shell): void {
  const search = parent
    .command('search')
    .summary('finds calls: who did what, when, and under which rule')
    .description(
      'Finds recorded calls, newest first. An item must match all that is said of items; only those\n' +
        'that match are shown.',
    );
  addFilterOptions(search)
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        [
          'weir audit search --type Customer --key 4711 --in 2026-05',
          'who read a record in May, under which rule, with which fields masked',
        ],
        ['weir audit search --principal user:lin --from 7d', 'what somebody did in a week'],
        ['weir audit search --effect deny --in yesterday', 'what was denied yesterday'],
        ['weir audit search --method CreateKey --in 2026 --json', 'keys made, for programs'],
      ),
    )
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
      const filter = filterOf(options);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const request = { filter, ...page };
        const answer = await weir.audit.searchRecords(request, { signal, timeoutMs });
        return { items: answer.records, nextPageToken: answer.nextPageToken };
      });
      const found = { records: [...items], nextPageToken };
      present(shell.terminal, options.json, {
        schema: SearchRecordsResponseSchema,
        message: create(SearchRecordsResponseSchema, found),
        render: (screen) => renderRecords({ ...found, more: nextPageToken !== '' }, screen),
      });
    });
}
