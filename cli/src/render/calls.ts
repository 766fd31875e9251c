import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import { reasonName } from '@weir/sdk';
import type { ToolCall, ToolStatistics } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { type Part, renderPart } from './part.ts';
import type { Screen } from './table.ts';
import { formatTime } from './time.ts';

/** Renders calls of tools. */
export function renderCalls(part: Part<ToolCall>, screen: Screen): string {
  const columns = [
    { title: 'time' },
    { title: 'tool', shrinks: true },
    { title: 'group' },
    { title: 'principal', shrinks: true },
    { title: 'took' },
    { title: 'outcome' },
    { title: 'request', shrinks: true },
  ];
  const rows = part.items.map((call) => [
    formatTime(call.time),
    call.tool,
    call.group,
    call.principal,
    msOf(call.duration),
    `${outcomeOf(call)}${call.isTest ? ' (test)' : ''}`,
    call.requestId,
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'call' }, screen);
}

function outcomeOf({ code, reason, isError }: ToolCall): string {
  if (code !== 0) return reasonName(reason);
  return isError ? 'failed' : 'ok';
}

/** Renders the calls of tools, counted. */
export function renderStatistics(part: Part<ToolStatistics>, screen: Screen): string {
  const columns = [
    { title: 'tool', shrinks: true },
    { title: 'calls' },
    { title: 'failed' },
    { title: 'refused' },
    { title: 'kept' },
    { title: 'callers' },
    { title: 'p50' },
    { title: 'p95' },
    { title: 'p99' },
    { title: 'last' },
  ];
  const rows = part.items.map((tool) => [
    tool.tool,
    `${tool.calls}`,
    `${tool.failed}`,
    `${tool.refused}`,
    `${tool.kept}`,
    `${tool.principals}`,
    msOf(tool.p50),
    msOf(tool.p95),
    msOf(tool.p99),
    formatTime(tool.lastTime),
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'tool' }, screen);
}

function msOf(duration: Duration | undefined): string {
  const ms = duration ? durationMs(duration) : 0;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
