import { type Behind, openConformanceWeir } from '../../standalone/test/mcp/conformance-weir.ts';
import { type Report, reportOf, runSuite } from './suite.ts';

/** The revisions whose requirements Weir is held to. */
export const revisions: readonly string[] = ['2026-07-28', '2025-11-25'];

/** What stands behind Weir, as the names of runs say it. */
const names: Readonly<Record<Behind, string>> = {
  provider: '',
  modern: ' over an MCP server of 2026-07-28',
  legacy: ' over an MCP server of 2025-11-25',
};

/** What can stand behind Weir. */
export const behinds = Object.keys(names) as readonly Behind[];

/** Runs the suite's server side against one Weir: one revision after the other, for lists change in each. */
export async function runServerSide(
  behind: Behind,
  chosen: readonly string[] = revisions,
  isVerbose = false,
): Promise<Report[]> {
  await using weir = await openConformanceWeir(behind);
  const target = ['--url', weir.url];
  const reports: Report[] = [];
  for (const revision of chosen) {
    const outcome = await runSuite({ side: 'server', revision, target, isVerbose });
    reports.push(reportOf(`server ${revision}${names[behind]}`, outcome));
  }
  return reports;
}
