import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** The text of a file of the project. */
export function projectFile(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8');
}

/** Whether a program is there to be run. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** Runs promtool in the project's folder; what it says when it is not content, else nothing. */
export function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: root, input });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

/** The names of Weir's metrics in queries, without what histograms add to them. */
export function metricsIn(text: string): Set<string> {
  const names = text.matchAll(/\b(?:weir|rpc_server|nodejs|process)_[a-z0-9_]+/g);
  return new Set([...names].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')));
}

/** The queries of the dashboard, for every instance and a short time. */
export async function dashboardQueries(): Promise<string[]> {
  const { panels }: { panels: { targets?: { expr: string }[] }[] } = JSON.parse(
    await projectFile('deploy/grafana/weir.json'),
  );
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  return queries.map((query) =>
    query.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.+'),
  );
}
