import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { parseName } from '@weir/kit';
import {
  type ToolGroup,
  ToolGroupSchema,
  type ToolSetting,
} from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { etagOf } from '../etag.ts';
import { hashOf } from '../manifest/canonical.ts';
import {
  type Checker,
  createChecker,
  LINE_CHARS_MAX,
  PROSE_CHARS_MAX,
  repeatsIn,
} from '../manifest/check.ts';
import { pathText } from '../manifest/fault.ts';
import { jsonFault } from '../manifest/json-fault.ts';
import { malformed } from '../refusals.ts';

const GROUP_TOOLS_MAX = 500;
const GROUP_TYPES_MAX = 45;
const GROUP_NAMES_MAX = 50;
const GROUP_TIMEOUT_MAX_MS = 600_000;
const GROUP_TTL_MAX_MS = 86_400_000;
const GROUP_ARGUMENTS_CHARS_MAX = 16 * 1024;
const TOOL_PATTERN = /^[A-Za-z0-9_.*-]{1,256}$/;
const TYPE_PATTERN = /^(?:[A-Z][A-Za-z0-9]{0,62}|\*)$/;

/**
 * Reads what a group shall be; times, version and etag are left to the registry. Throws
 * MALFORMED_REQUEST or INVALID_NAME naming the first fault's place.
 */
export function parseGroup(given: ToolGroup | undefined, tenant: string): ToolGroup {
  if (!given) throw malformed('group', 'is missing; give the group as it shall be');
  const name = parseName('group.name', given.name);
  const check = createChecker();
  checkGroup(check, given);
  const [fault] = check.faults;
  if (fault) throw malformed(`group.${pathText(fault.path)}`, fault.text);
  const { createTime: _created, updateTime: _updated, ...rest } = given;
  return create(ToolGroupSchema, { ...rest, tenant, name, version: 0n, etag: '' });
}

/** A group with the etag of its content. */
export function withGroupEtag(group: ToolGroup): ToolGroup {
  return { ...group, etag: etagOf(hashOf(ToolGroupSchema, { ...group, etag: '' })) };
}

function checkGroup(check: Checker, group: ToolGroup): void {
  check.line(['title'], group.title, LINE_CHARS_MAX);
  check.prose(['description'], group.description, PROSE_CHARS_MAX);
  check.count(['tools'], group.tools.length, GROUP_TOOLS_MAX);
  group.tools.forEach((pattern, i) => {
    if (TOOL_PATTERN.test(pattern)) return;
    check.fault(['tools', i], 'name a tool as ListTools gives it; "*" stands for any text');
  });
  check.count(['types'], group.types.length, GROUP_TYPES_MAX);
  group.types.forEach((pattern, i) => {
    if (TYPE_PATTERN.test(pattern)) return;
    check.fault(['types', i], 'name a context type, or write "*" for all');
  });
  for (const field of ['roles', 'tiers'] as const) {
    check.count([field], group[field].length, GROUP_NAMES_MAX);
    group[field].forEach((name, i) => {
      check.line([field, i], name, LINE_CHARS_MAX);
      if (!name) check.fault([field, i], 'the name is empty; leave it out');
    });
  }
  checkTimeout(check, group.timeout, ['timeout']);
  check.count(['settings'], group.settings.length, GROUP_TOOLS_MAX);
  group.settings.forEach((setting, i) => {
    checkSetting(check, setting, i);
  });
  for (const i of repeatsIn(group.settings.map(({ tool }) => tool))) {
    check.fault(['settings', i, 'tool'], 'stands above; keep one');
  }
}

function checkSetting(check: Checker, setting: ToolSetting, i: number): void {
  const path = ['settings', i];
  if (!TOOL_PATTERN.test(setting.tool) || setting.tool.includes('*')) {
    check.fault([...path, 'tool'], 'name one tool as ListTools gives it');
  }
  checkTimeout(check, setting.timeout, [...path, 'timeout']);
  check.duration([...path, 'ttl'], setting.ttl, GROUP_TTL_MAX_MS);
  check.line([...path, 'title'], setting.title, LINE_CHARS_MAX);
  check.prose([...path, 'description'], setting.description, PROSE_CHARS_MAX);
  const { arguments: fixed } = setting;
  if (!fixed) return;
  const fault = jsonFault(fixed);
  if (fault) check.fault([...path, 'arguments'], fault);
  else if (JSON.stringify(fixed).length > GROUP_ARGUMENTS_CHARS_MAX) {
    const text = `take more than ${GROUP_ARGUMENTS_CHARS_MAX} characters as JSON; shorten them`;
    check.fault([...path, 'arguments'], text);
  }
}

function checkTimeout(
  check: Checker,
  timeout: ToolGroup['timeout'],
  path: readonly (string | number)[],
): void {
  check.duration(path, timeout, GROUP_TIMEOUT_MAX_MS);
  if (timeout && durationMs(timeout) === 0) check.fault(path, 'is no time; leave it out');
}
