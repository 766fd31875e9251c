import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ListCallsResponseSchema } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { parseTimeMs } from '../options.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderCalls } from '../render/calls.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly group?: string;
  readonly tool?: string;
  readonly principal?: string;
  readonly failed?: boolean;
  readonly since?: number;
  readonly tenant?: string;
  readonly limit: number;
}

/** Adds `weir calls`. */
export function addCalls(program: Command, shell: Shell): void {
  program
    .command('calls')
    .summary('shows who called which tools, and what came of it')
    .description(
      'Shows calls of tools, newest first. In arguments and results (--json shows them) what\n' +
        'detectors find is replaced.',
    )
    .option('--group <name>', 'of a tool group')
    .option('--tool <name>', 'of a tool')
    .option('--principal <name>', 'by a principal')
    .option('--failed', 'only those that were refused, or failed')
    .option('--since <time>', 'not longer ago than this, such as 1h', parseTimeMs)
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        ['weir calls --failed --since 1h', 'what went wrong in the last hour'],
        ['weir calls --tool crm__find --json', 'with arguments and results'],
      ),
    )
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { group = '', tool = '', principal = '', tenant = '', since, limit } = options;
      const filter = {
        ...{ group, tool, principal, tenant, onlyFailed: options.failed === true },
        ...(since !== undefined && { since: timestampFromMs(Date.now() - since) }),
      };
      const { items, nextPageToken } = await collectPages(limit, async (page) => {
        const answer = await weir.calls.listCalls({ ...filter, ...page }, { signal });
        return { items: answer.calls, nextPageToken: answer.nextPageToken };
      });
      present(shell.terminal, options.json, {
        schema: ListCallsResponseSchema,
        message: create(ListCallsResponseSchema, { calls: [...items], nextPageToken }),
        render: (screen) => renderCalls({ items, more: nextPageToken !== '' }, screen),
      });
    });
}
