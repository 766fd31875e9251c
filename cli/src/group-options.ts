import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { type Weir, WeirCallError } from '@weir/sdk';
import { type ToolGroup, ToolGroupSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { Command } from 'commander';
import { parseTexts, parseTimeMs } from './options.ts';

/** What can be said of a tool group on the command line. */
export interface GroupOptions {
  readonly tools?: readonly string[];
  readonly types?: readonly string[];
  readonly roles?: readonly string[];
  readonly tiers?: readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly callTimeout?: number;
  readonly unprefixed?: boolean;
}

/** Adds the options that describe a tool group. */
export function withGroupOptions(command: Command): Command {
  return command
    .option('--tools <names>', 'its tools; * stands for any text (repeatable)', parseTexts)
    .option('--types <names>', 'its context types, or * for all (repeatable)', parseTexts)
    .option('--roles <names>', 'who may use it: one of these roles (default: any)', parseTexts)
    .option('--tiers <names>', 'who may use it: one of these tiers (default: any)', parseTexts)
    .option('--title <text>', 'what people call it')
    .option('--description <text>', 'what it is for; models are told')
    .option('--call-timeout <time>', 'the most time that a call may take', parseTimeMs)
    .option('--unprefixed', 'its tools have the names of their operations alone');
}

/** The fields that options were given for. */
export function groupFields(
  options: GroupOptions,
): Partial<Omit<ToolGroup, '$typeName' | '$unknown'>> {
  const { tools, types, roles, tiers, title, description, unprefixed, callTimeout } = options;
  return {
    ...(tools && { tools: [...tools] }),
    ...(types && { types: [...types] }),
    ...(roles && { roles: [...roles] }),
    ...(tiers && { tiers: [...tiers] }),
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(unprefixed !== undefined && { unprefixed }),
    ...(callTimeout !== undefined && { timeout: durationFromMs(callTimeout) }),
  };
}

/** The group with these fields otherwise; undefined: none is given. A name that is not taken is a new group's. */
export async function proposedGroup(
  weir: Weir,
  name: string,
  { options, signal }: { readonly options: GroupOptions; readonly signal: AbortSignal },
): Promise<ToolGroup | undefined> {
  const fields = groupFields(options);
  if (Object.keys(fields).length === 0) return undefined;
  const held = await weir.groups.getGroup({ name }, { signal }).catch((error: unknown) => {
    if (error instanceof WeirCallError && error.code === Code.NotFound) return { group: undefined };
    throw error;
  });
  return create(ToolGroupSchema, { ...(held.group ?? create(ToolGroupSchema)), name, ...fields });
}
