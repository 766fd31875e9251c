import { durationMs } from '@bufbuild/protobuf/wkt';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { Tool } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { type Part, renderPart } from './part.ts';
import type { Screen } from './table.ts';
import { formatTime } from './time.ts';

/** Renders a list of tools. */
export function renderTools(part: Part<Tool>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'version' },
    { title: 'does' },
    { title: 'description', shrinks: true },
  ];
  const rows = part.items.map(({ name, providerVersion, operation }) => [
    name,
    providerVersion,
    operation?.hints?.readOnly ? 'reads' : operation?.hints?.destructive ? 'destroys' : 'changes',
    operation?.title || firstLine(operation?.description ?? ''),
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'tool' }, screen);
}

/** Renders a list of tool groups. */
export function renderGroups(part: Part<ToolGroup>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'state' },
    { title: 'tools', shrinks: true },
    { title: 'types', shrinks: true },
    { title: 'roles', shrinks: true },
    { title: 'timeout' },
    { title: 'version' },
    { title: 'changed' },
  ];
  const rows = part.items.map((group) => [
    group.name,
    group.disabled ? 'off' : 'on',
    group.tools.join(', '),
    group.types.join(', '),
    group.roles.join(', '),
    group.timeout ? `${durationMs(group.timeout)} ms` : '',
    `${group.version}`,
    formatTime(group.updateTime),
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'tool group' }, screen);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
