import { fileURLToPath } from 'node:url';
import { openConformanceClient } from '../../standalone/test/mcp/conformance-client.ts';
import { type Report, reportOf, runSuite } from './suite.ts';

/** The suite begins all scenarios at once, and each waits here for its turn. */
const timeoutMs = 300_000;

/** Has the suite judge Weir as a client: its servers become upstreams of a Weir, whose callers ask. */
export async function runClientSide(revision: string, isVerbose = false): Promise<Report> {
  await using client = await openConformanceClient();
  const driver = new URL('../../standalone/test/mcp/conformance-driver.ts', import.meta.url);
  const command = `${process.execPath} ${fileURLToPath(driver)} ${client.url}`;
  const target = ['--command', command, '--timeout', String(timeoutMs)];
  const outcome = await runSuite({ side: 'client', revision, target, isVerbose });
  return reportOf(`client ${revision}`, outcome);
}
