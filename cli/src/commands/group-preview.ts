import { create } from '@bufbuild/protobuf';
import { PreviewGroupResponseSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { limitOption } from '../catalogue-options.ts';
import { examples } from '../examples.ts';
import { type GroupOptions, proposedGroup, withGroupOptions } from '../group-options.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderPreview } from '../render/preview.ts';
import type { Shell } from '../shell.ts';

interface Options extends GroupOptions {
  readonly limit: number;
}

/** Adds `weir group preview`. */
export function addGroupPreview(parent: Command, shell: Shell): void {
  withGroupOptions(parent.command('preview'))
    .summary('shows a tool group as its callers see it')
    .description(
      'Shows what the callers of a tool group are told: its tools and prompts with their arguments, and\n' +
        'its context; also of one that is switched off. With options, as it would be with these; nothing is\n' +
        'kept.',
    )
    .argument('<name>', 'its name, or that of a new one')
    .addOption(limitOption())
    .addHelpText(
      'after',
      examples(
        ['weir group preview support', 'as it is'],
        ["weir group preview support --tools 'crm__*'", 'as it would be'],
      ),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const proposed = await proposedGroup(weir, name, { options, signal });
      let last = create(PreviewGroupResponseSchema);
      const { items, nextPageToken } = await collectPages(options.limit, async (page) => {
        const asked = { group: name, ...(proposed && { proposed }), ...page };
        last = await weir.tools.previewGroup(asked, { signal });
        return { items: last.tools, nextPageToken: last.nextPageToken };
      });
      const message = create(PreviewGroupResponseSchema, { ...last, tools: [...items] });
      message.nextPageToken = nextPageToken;
      present(shell.terminal, options.json, {
        schema: PreviewGroupResponseSchema,
        message,
        render: (screen) => renderPreview(message, screen),
      });
    });
}
