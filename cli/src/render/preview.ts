import { durationMs } from '@bufbuild/protobuf/wkt';
import type {
  PreviewedContext,
  PreviewedTool,
  PreviewGroupResponse,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { renderPart } from './part.ts';
import type { Screen } from './table.ts';
import { safeText } from './text.ts';

/** Renders a tool group as its callers see it. */
export function renderPreview(preview: PreviewGroupResponse, screen: Screen): string {
  const { group, principal, tools, contexts, remarks, nextPageToken } = preview;
  const about = [group?.title, group?.description].filter(Boolean).map((text) => `${text}\n`);
  const parts = [
    `${safeText(group?.name ?? '')}, for ${safeText(principal)}\n${safeText(about.join(''))}`,
    ...tools.map(toolText),
    ...(nextPageToken === '' ? [] : ['There are more tools; show more with --limit.\n']),
    ...(contexts.length > 0 ? [renderContexts(contexts, screen)] : []),
    ...(remarks.length > 0 ? [remarks.map((text) => `! ${safeText(text)}\n`).join('')] : []),
  ];
  return parts.join('\n');
}

function toolText({ tool, timeout }: PreviewedTool): string {
  const { operation } = tool ?? {};
  const { title = '', description = '', inputSchema, hints } = operation ?? {};
  const does = hints?.readOnly ? 'reads' : hints?.destructive ? 'destroys' : 'changes';
  const ms = timeout ? `${durationMs(timeout)} ms` : '';
  const lines = [
    `${tool?.name ?? ''} (${tool?.provider ?? ''} ${tool?.providerVersion ?? ''}; ${does}; ${ms})`,
    ...[title, description].filter((text) => text !== '').map((text) => indented(text)),
    ...(inputSchema ? [indented(JSON.stringify(inputSchema, undefined, 2))] : []),
  ];
  return `${safeText(lines.join('\n'))}\n`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

function renderContexts(contexts: readonly PreviewedContext[], screen: Screen): string {
  const columns = [
    { title: 'type' },
    { title: 'provider' },
    { title: 'version' },
    { title: 'listed' },
    { title: 'keys', shrinks: true },
  ];
  const rows = contexts.map(({ type, provider, providerVersion, listable, templates }) => [
    ...[type, provider, providerVersion, listable ? 'yes' : 'no'],
    templates.map(({ template }) => template).join(', '),
  ]);
  return renderPart({ columns, rows, more: false, noun: 'type of context' }, screen);
}
