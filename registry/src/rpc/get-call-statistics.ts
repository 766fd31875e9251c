import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { CallLogService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { CallCounts, CallStore } from '../calls/call-store.ts';
import { parseCallFilter } from '../calls/parse-filter.ts';
import type { Core } from '../core.ts';

const TOOLS_MAX = 500;
const DAY_MS = 86_400_000;

/** Counts calls of tools, by tool. */
export function getCallStatistics(
  core: Core,
  calls: CallStore,
): MethodImpl<typeof CallLogService.method.getCallStatistics> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const asked = parseCallFilter(request);
    const filter = { ...asked, sinceMs: asked.sinceMs ?? core.clock.wallMs() - DAY_MS };
    await requireTenant(core.store, tenant);
    const counted = await calls.count(tenant, filter, TOOLS_MAX);
    return { tools: counted.map(statisticsOf) };
  };
}

function statisticsOf({ p50, p95, p99, lastMs, ...counts }: CallCounts) {
  return {
    tool: counts.tool,
    calls: BigInt(counts.calls),
    failed: BigInt(counts.failed),
    refused: BigInt(counts.refused),
    kept: BigInt(counts.kept),
    principals: BigInt(counts.principals),
    p50: durationFromMs(Math.round(p50)),
    p95: durationFromMs(Math.round(p95)),
    p99: durationFromMs(Math.round(p99)),
    lastTime: timestampFromMs(lastMs),
  };
}
