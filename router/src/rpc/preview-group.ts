import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { callerOf } from '@weir/kit';
import {
  type PreviewGroupRequest,
  PreviewGroupResponseSchema,
  ToolService,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { compareText } from '../snapshot/catalogue.ts';
import { contextsIn, remarksOn } from '../tools/previews.ts';
import { knownTools, type ToolDeps } from '../tools/tools.ts';
import { actingIn } from '../tools/trials.ts';
import type { ForwardDeps } from './forward.ts';
import { pageOfTools, toolShown } from './list-tools.ts';
import { recorded } from './record.ts';
import { requireMayTry, trialOf } from './trial-group.ts';

/** PreviewGroup: what the callers of a tool group see, for who administers it. */
export function previewGroup(deps: ToolDeps & ForwardDeps) {
  return (request: PreviewGroupRequest, context: HandlerContext) =>
    recorded(deps, context, async () => {
      const items = requireMayTry(deps, ToolService.method.previewGroup, context);
      const { group: name, proposed } = request;
      const trial = await trialOf(deps, { name, proposed }, context);
      const { group } = trial;
      const snapshot = deps.holder.current;
      const acting = actingIn(snapshot, callerOf(context), trial);
      const known = knownTools(deps, acting, { group: '', purpose: '', tried: group });
      known.sort((a, b) => compareText(a.offer.name, b.offer.name));
      const { page, nextPageToken } = pageOfTools(known, request);
      const answer = create(PreviewGroupResponseSchema, {
        ...{ group, principal: acting.principal, nextPageToken },
        tools: page.map((tool) => ({
          tool: toolShown(tool),
          timeout: durationFromMs(tool.offer.timeoutMs),
        })),
        contexts: contextsIn(deps, acting, group),
        remarks: remarksOn(snapshot, acting, { group, known }),
      });
      return { answer, record: { target: group.name, items } };
    });
}
