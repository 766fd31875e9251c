import type { JsonObject } from '@bufbuild/protobuf';
import { weirVersion } from '@weir/kit';
import type { McpGroup } from './backend.ts';
import type { McpCall } from './call.ts';
import { complete } from './completion.ts';
import { listPrompts } from './prompts.ts';
import { listResources } from './resources.ts';
import { listTemplates } from './templates.ts';
import { listTools } from './tools.ts';

/** Who answers. */
export const serverInfo: JsonObject = { name: 'weir', title: 'Weir', version: weirVersion };

/** What models are told of it. */
const instructions =
  'Weir gives context and tools of many providers, as far as policies allow. Ask context_list what there is, and context_fetch for many items at once.';

/** What it can do, in all revisions, and what models are told of it: for who comes by a group, of that. */
export function introductionOf(inGroup: McpGroup | undefined): JsonObject {
  const { prompts, context, completions, messages } = inGroup?.without ?? {};
  return {
    capabilities: {
      tools: { listChanged: true },
      ...(!prompts && { prompts: { listChanged: true } }),
      ...(!context && { resources: { subscribe: true, listChanged: true } }),
      ...(!completions && { completions: {} }),
      ...(!messages && { logging: {} }),
    },
    instructions: inGroup?.instructions || instructions,
  };
}

/** The methods that are the same in all revisions, but for what stands around their results. */
export const plainMethods: ReadonlyMap<
  string,
  (call: McpCall, params: JsonObject) => JsonObject | Promise<JsonObject>
> = new Map<string, (call: McpCall, params: JsonObject) => JsonObject | Promise<JsonObject>>([
  ['tools/list', listTools],
  ['prompts/list', listPrompts],
  ['resources/list', listResources],
  ['resources/templates/list', listTemplates],
  ['completion/complete', complete],
]);
