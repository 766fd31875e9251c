import { CreateGroupResponseSchema } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { type GroupOptions, groupFields, withGroupOptions } from '../group-options.ts';
import { present } from '../present.ts';
import { renderNewKey } from '../render/keys.ts';
import { renderGroups } from '../render/tools.ts';
import type { Shell } from '../shell.ts';

interface Options extends GroupOptions {
  readonly principal?: string;
  readonly tenant?: string;
}

/** Adds `weir group create`. */
export function addGroupCreate(parent: Command, shell: Shell): void {
  withGroupOptions(parent.command('create'))
    .summary('creates a tool group, and shows its key, this once')
    .description(
      'Creates a tool group: a named set of tools with keys of its own. Its name is its server\n' +
        'code: clients reach it at /mcp/<name>, or at /mcp with its key. The key is shown this once.',
    )
    .argument('<name>', 'its name')
    .option('--principal <name>', 'who calls with its keys (default: one of its own)')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText(
      'after',
      examples([
        "weir group create support --tools 'files__read_*,crm__*' --roles agent",
        'some tools, for agents',
      ]),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { principal = '', tenant = '' } = options;
      const group = { name, tenant, ...groupFields(options) };
      const answer = await weir.groups.createGroup({ group, principal }, { signal });
      const items = answer.group ? [answer.group] : [];
      present(shell.terminal, options.json, {
        schema: CreateGroupResponseSchema,
        message: answer,
        render: (screen) =>
          `${renderGroups({ items, more: false }, screen)}\n${renderNewKey(answer.secret, answer.key, screen)}`,
      });
    });
}
