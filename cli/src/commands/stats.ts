import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { GetCallStatisticsResponseSchema } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseTimeMs } from '../options.ts';
import { present } from '../present.ts';
import { renderStatistics } from '../render/calls.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly group?: string;
  readonly tool?: string;
  readonly since?: number;
  readonly tenant?: string;
}

/** Adds `weir stats`. */
export function addStats(program: Command, shell: Shell): void {
  program
    .command('stats')
    .summary('counts the calls of tools, and how long they took')
    .description('Counts the calls of tools, by tool, and says how long they took.')
    .option('--group <name>', 'of a tool group')
    .option('--tool <name>', 'of a tool')
    .option('--since <time>', 'since then, such as 7d (default: 24h)', parseTimeMs)
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir stats --group support --since 7d', 'of a week']))
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { group = '', tool = '', tenant = '', since } = options;
      const request = {
        ...{ group, tool, tenant },
        ...(since !== undefined && { since: timestampFromMs(Date.now() - since) }),
      };
      const answer = await weir.calls.getCallStatistics(request, { signal });
      present(shell.terminal, options.json, {
        schema: GetCallStatisticsResponseSchema,
        message: answer,
        render: (screen) => renderStatistics({ items: answer.tools, more: false }, screen),
      });
    });
}
