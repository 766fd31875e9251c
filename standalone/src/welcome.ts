import { relative } from 'node:path';
import { createWeir, type Weir } from '@weir/sdk';
import { dataFiles, type StandaloneConfig } from './config.ts';
import type { Standalone } from './standalone.ts';

/** What is printed when Weir is up: where it is, what it serves, what to try. */
export async function welcome(weir: Standalone, config: StandaloneConfig): Promise<string> {
  const client = createWeir({ url: weir.url, key: weir.key });
  try {
    const [{ providers }, refs] = await Promise.all([
      client.registry.listProviders({}),
      examples(client),
    ]);
    const rows = providers.map(({ manifest }) => [
      `${manifest?.name} ${manifest?.version}`,
      (manifest?.contexts ?? []).map(({ type }) => type).join(', '),
      manifest?.title ?? '',
    ]);
    const keyFile = relative(process.cwd(), dataFiles(config.dataDir).adminKey);
    return [
      'Weir is up.',
      '',
      `  callers      ${weir.url}  (gRPC, gRPC-Web, Connect, WebSocket)`,
      `  MCP clients  ${weir.url}/mcp`,
      `  operations   http://${config.opsHost}:${weir.opsPort}  (/healthz, /readyz, /metrics)`,
      `  key          ${weir.firstStart ? `${weir.key}  (shown this once; kept in ${keyFile})` : `in ${keyFile}`}`,
      '',
      '  providers',
      ...table(rows).map((line) => `    ${line}`),
      '',
      '  try, in another shell',
      '    npx weir list DocChunk',
      `    npx weir fetch ${refs.join(' ')}`,
      '',
    ].join('\n');
  } finally {
    client.close();
  }
}

const EXAMPLE_TYPES = ['DocChunk', 'SQLSchema', 'Metric', 'LogEntry'];

/** One ref of each type that has any. */
async function examples(client: Weir): Promise<string[]> {
  const refs = await Promise.all(
    EXAMPLE_TYPES.map(async (type) => {
      const preferred = await client.listPage({ type, keyPrefix: 'README.md#', pageSize: 1 });
      const any = () => client.listPage({ type, pageSize: 1 });
      const { entries } = preferred.entries.length > 0 ? preferred : await any();
      return entries.map(({ ref }) => `${type}/${ref?.key}`);
    }),
  );
  return refs.flat().map((ref) => (/^[\w./#@:-]+$/.test(ref) ? ref : `'${ref}'`));
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, i) => Math.max(cell.length, known[i] ?? 0)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
