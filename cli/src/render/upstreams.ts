import type { UpstreamConfig, UpstreamState } from '@weir/mcp/client';
import { renderFields, renderTable, type Screen } from './table.ts';

/** An upstream as the file has it, and as the connector last said that it is. */
export interface ShownUpstream {
  readonly config: UpstreamConfig;
  /** Absent: no connector has seen it yet. */
  readonly state: UpstreamState | undefined;
}

/** Renders the upstreams of a file. */
export function renderUpstreams(all: readonly ShownUpstream[], screen: Screen): string {
  if (all.length === 0) return 'There is no upstream; `weir upstream add` adds one.\n';
  const columns = [
    { title: 'name' },
    { title: 'tenant' },
    { title: 'status' },
    { title: 'offered', right: true },
    { title: 'held', right: true },
    { title: 'server', shrinks: true },
    { title: 'error', shrinks: true },
  ];
  const rows = all.map(({ config, state }) => [
    ...[config.name, config.tenant, statusOf({ config, state })],
    ...[String(offeredOf(state)), String(state?.held.length ?? 0)],
    ...[state?.server ?? '', state?.error ?? ''],
  ]);
  return renderTable(columns, rows, screen);
}

/** Renders one upstream, with the definitions that are kept back. */
export function renderUpstream(one: ShownUpstream, screen: Screen): string {
  const { config, state } = one;
  const { transport } = config;
  const place =
    transport.kind === 'stdio' ? [transport.command, ...transport.args].join(' ') : transport.url;
  const fields = renderFields(
    [
      ['name', config.name],
      ['tenant', config.tenant],
      [transport.kind, place],
      ['status', statusOf(one)],
      ['error', state?.error ?? ''],
      ['sign in at', state?.signIn ?? ''],
      ['server', state?.server ?? ''],
      ['protocol', state?.era === undefined ? '' : eras[state.era]],
      ['offered', String(offeredOf(state))],
    ],
    screen,
  );
  const held = (state?.held ?? []).map(({ name, kind, reason, hash, shown }) => {
    const indented = shown.replaceAll('\n', '\n    ');
    return `\n${kind} ${name} is kept back: it ${reason}\n    ${hash}\n    ${indented}\n`;
  });
  return `${fields}${held.join('')}`;
}

const eras = { modern: '2026-07-28 or later', legacy: '2025-11-25 or older' } as const;

function statusOf({ config, state }: ShownUpstream): string {
  return config.isEnabled ? (state?.status ?? 'not seen yet') : 'off';
}

function offeredOf(state: UpstreamState | undefined): number {
  return state?.offered ?? 0;
}
