import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Keeps the contract as it is released, under the version of package.json, for the tests that hold
// later versions of Weir to it. What is released does not change.

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const file = join('sdk/conformance/contracts', `contract-${version}.binpb`);
if (existsSync(join(root, file))) {
  process.stderr.write(`${file} is there; raise the version in package.json for another release\n`);
  process.exitCode = 1;
} else {
  const buf = join(root, 'node_modules/.bin/buf');
  const args = ['build', 'proto', '--exclude-source-info', '-o', file];
  const { status } = spawnSync(buf, args, { cwd: root, stdio: 'inherit' });
  if (status === 0) process.stdout.write(`${file}\n`);
  process.exitCode = status ?? 1;
}
