import { create, type JsonObject } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Weir } from '@weir/sdk';
import {
  type ToolGroup,
  ToolGroupSchema,
  type ToolSetting,
  ToolSettingSchema,
} from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { UpdateGroupResponseSchema } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { type GroupOptions, groupFields, withGroupOptions } from '../group-options.ts';
import { parseTimeMs } from '../options.ts';
import { present } from '../present.ts';
import { renderGroups } from '../render/tools.ts';
import type { Shell } from '../shell.ts';

interface Switches {
  readonly on?: boolean;
  readonly off?: boolean;
  readonly tenant?: string;
}

interface SetOptions extends Switches {
  readonly callTimeout?: number;
  readonly ttl?: number;
  readonly arguments?: string;
  readonly title?: string;
  readonly description?: string;
}

/** Adds `weir group update`. */
export function addGroupUpdate(parent: Command, shell: Shell): void {
  withGroupOptions(parent.command('update'))
    .summary('changes a tool group, in force at once')
    .description('Changes a tool group; what is not given stays as it is. In force at once.')
    .argument('<name>', 'its name')
    .option('--off', 'switches it off: its keys let nobody in')
    .option('--on', 'switches it on again')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir group update support --off', 'switches it off']))
    .action(async (name: string, _options: GroupOptions & Switches, command: Command) => {
      const { weir, options, signal } = await openCall<GroupOptions & Switches>(shell, command);
      const fields = { ...groupFields(options), ...switched(options) };
      const change = (held: ToolGroup) => create(ToolGroupSchema, { ...held, ...fields });
      await update(shell, { weir, signal, json: options.json }, { name, ...options }, change);
    });
}

/** Adds `weir group set`. */
export function addGroupSet(parent: Command, shell: Shell): void {
  parent
    .command('set')
    .summary('switches a tool of a group off or on, or sets it otherwise')
    .description('Changes what is about one tool in a group. In force at once.')
    .argument('<group>', 'the group')
    .argument('<tool>', 'the tool, such as files__read_file')
    .option('--off', 'switches it off')
    .option('--on', 'switches it on again')
    .option('--call-timeout <time>', 'the time that a call may take', parseTimeMs)
    .option('--ttl <time>', 'how long a result is kept, of a tool that only reads', parseTimeMs)
    .option('--arguments <json>', 'arguments that every call has; {} for none')
    .option('--title <text>', 'what is told of it in place of its title')
    .option('--description <text>', 'what is told of it in place of its description')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText(
      'after',
      examples(
        ['weir group set support files__write_file --off', 'switches a tool off'],
        [`weir group set support files__list --arguments '{"root":"docs"}'`, 'always so'],
      ),
    )
    .action(async (name: string, tool: string, _options: SetOptions, command: Command) => {
      const { weir, options, signal } = await openCall<SetOptions>(shell, command);
      const fields = settingOf(options);
      const change = (held: ToolGroup) => {
        const before = held.settings.find((each) => each.tool === tool);
        const others = held.settings.filter((each) => each !== before);
        const setting = create(ToolSettingSchema, { ...fieldsOf(before), tool, ...fields });
        return create(ToolGroupSchema, { ...held, settings: [...others, setting] });
      };
      await update(shell, { weir, signal, json: options.json }, { name, ...options }, change);
    });
}

async function update(
  shell: Shell,
  { weir, signal, json }: { weir: Weir; signal: AbortSignal; json: boolean | undefined },
  { name, tenant = '' }: { readonly name: string; readonly tenant?: string | undefined },
  change: (held: ToolGroup) => ToolGroup,
): Promise<void> {
  const { group: held } = await weir.groups.getGroup({ name, tenant }, { signal });
  if (!held) throw new Error('the registry sent no group');
  const answer = await weir.groups.updateGroup({ group: change(held) }, { signal });
  const items = answer.group ? [answer.group] : [];
  present(shell.terminal, json, {
    schema: UpdateGroupResponseSchema,
    message: answer,
    render: (screen) => renderGroups({ items, more: false }, screen),
  });
}

function fieldsOf(setting: ToolSetting | undefined) {
  const { $typeName: _name, $unknown: _unknown, ...fields } = setting ?? create(ToolSettingSchema);
  return fields;
}

function switched({ on, off }: Switches): { disabled?: boolean } {
  if (on && off) throw usageFailure('It cannot be both.', 'Give --on or --off.');
  return on || off ? { disabled: off === true } : {};
}

function settingOf(options: SetOptions): Partial<Omit<ToolSetting, '$typeName' | '$unknown'>> {
  const { callTimeout, ttl, arguments: fixed, title, description } = options;
  return {
    ...switched(options),
    ...(callTimeout !== undefined && { timeout: durationFromMs(callTimeout) }),
    ...(ttl !== undefined && { ttl: durationFromMs(ttl) }),
    ...(fixed !== undefined && { arguments: parseObject(fixed) }),
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
  };
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
  } catch {
    // Said below.
  }
  throw usageFailure('The arguments are no JSON object.', 'Write them as in {"root":"docs"}.');
}
