import { create } from '@bufbuild/protobuf';
import { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import type { GroupOptions } from '../group-options.ts';
import { proposedGroup } from '../group-options.ts';
import { parseTimeMs } from '../options.ts';
import type { Shell } from '../shell.ts';
import { type GivenArguments, readArguments, showMessage, withArguments } from '../tool-calls.ts';

interface Options extends GivenArguments, Pick<GroupOptions, 'callTimeout' | 'unprefixed'> {
  readonly purpose?: string;
}

/** Adds `weir group test`. */
export function addGroupTest(parent: Command, shell: Shell): void {
  withArguments(parent.command('test'))
    .summary('calls a tool as a tool group has it')
    .description(
      'Calls a tool as a caller with a key of the group would, also while the group is switched off. The\n' +
        'call is made, whatever it changes; the log of calls says that it was a test.',
    )
    .argument('<group>', 'the group')
    .argument('<tool>', 'the tool, as weir group preview shows it')
    .option('--call-timeout <time>', 'as it would be with this time for a call', parseTimeMs)
    .option('--unprefixed', 'as it would be without prefixes')
    .option('--purpose <name>', 'what it is for')
    .addHelpText(
      'after',
      examples([`weir group test support crm__find --arguments '{"name":"Ada"}'`, 'a test call']),
    )
    .action(async (group: string, tool: string, _options: Options, command: Command) => {
      const bytes = await readArguments(shell, command.opts<Options>());
      const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
      const proposed = await proposedGroup(weir, group, { options, signal });
      const call = create(CallToolRequestSchema, {
        ...{ tool, group, purpose: options.purpose ?? '', arguments: bytes },
        ...{ wantsProgress: true, minSeverity: Severity.INFO },
      });
      const asked = { call, ...(proposed && { proposed }) };
      for await (const { response } of weir.tools.testTool(asked, { signal, timeoutMs })) {
        if (response) showMessage(shell, response, options.json);
      }
    });
}
