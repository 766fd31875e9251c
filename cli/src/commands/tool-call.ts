import { create } from '@bufbuild/protobuf';
import { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import type { Shell } from '../shell.ts';
import { type GivenArguments, readArguments, showMessage, withArguments } from '../tool-calls.ts';

interface Options extends GivenArguments {
  readonly group?: string;
  readonly purpose?: string;
}

/** Adds `weir tool call`. */
export function addToolCall(parent: Command, shell: Shell): void {
  withArguments(parent.command('call'))
    .summary('calls a tool')
    .description(
      'Calls a tool and writes its result; progress and messages go to standard error. Ends with 1\n' +
        'when the tool says that it failed.',
    )
    .argument('<tool>', 'its name, as weir tool list shows it')
    .option('--group <name>', 'as a tool group has it')
    .option('--purpose <name>', 'what it is for')
    .addHelpText(
      'after',
      examples(
        ['weir tool call crm__find --arg name=Ada --arg limit=5', 'with arguments'],
        [`weir tool call crm__find --arguments '{"name":"Ada"}'`, 'as JSON'],
      ),
    )
    .action((tool: string, _options: Options, command: Command) => runCall(shell, command, tool));
}

async function runCall(shell: Shell, command: Command, tool: string): Promise<void> {
  const bytes = await readArguments(shell, command.opts<Options>());
  const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
  const { group = '', purpose = '' } = options;
  const request = create(CallToolRequestSchema, {
    ...{ tool, group, purpose, arguments: bytes },
    ...{ wantsProgress: true, minSeverity: Severity.INFO },
  });
  for await (const response of weir.tools.callTool(request, { signal, timeoutMs })) {
    showMessage(shell, response, options.json);
  }
}
