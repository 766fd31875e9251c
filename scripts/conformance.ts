import { runClientSide } from './conformance/client.ts';
import { behinds, revisions, runServerSide } from './conformance/server.ts';
import type { Report } from './conformance/suite.ts';

// Runs the official conformance suite of the Model Context Protocol through Weir, as a server and as
// a client, and prints one line for each run, such as "server 2026-07-28: 37 of 37", and what was not
// expected. What has to fail is in conformance/expected-failures.yaml. With --verbose, what the suite
// says too; with a revision, or with "server" or "client", these runs alone.

const isVerbose = process.argv.includes('--verbose');
const chosen = (all: readonly string[]) => {
  const named = all.filter((one) => process.argv.includes(one));
  return named.length > 0 ? named : all;
};
const sides = chosen(['server', 'client']);
if (sides.includes('server')) {
  for (const behind of behinds) print(await runServerSide(behind, chosen(revisions), isVerbose));
}
if (sides.includes('client')) {
  for (const revision of chosen(revisions)) print([await runClientSide(revision, isVerbose)]);
}

function print(reports: readonly Report[]): void {
  for (const { text, unexpected } of reports) {
    process.stdout.write(`${[text, ...unexpected].join('\n  ')}\n`);
    if (unexpected.length > 0) process.exitCode = 1;
  }
}
