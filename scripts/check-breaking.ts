import { execFileSync, spawnSync } from 'node:child_process';

// Refuses a change of the contract that breaks its callers, compared with main; on main itself,
// compared with the contract before its last change.

function git(...args: string[]): string {
  return execFileSync('git', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

function baseRevision(): string | undefined {
  const head = git('rev-parse', 'HEAD');
  try {
    const main = git('merge-base', 'HEAD', 'origin/main');
    if (main !== head) return main;
  } catch {
    // There is no origin to compare with.
  }
  const [last, before] = git('log', '--format=%H', '-n', '2', '--', 'proto').split('\n');
  const changed = git('status', '--porcelain', '--', 'proto') !== '';
  return changed ? last : before;
}

const base = baseRevision();
if (base === undefined || base === '') {
  process.stdout.write('breaking: the contract has never been changed\n');
} else {
  const against = `.git#ref=${base},subdir=proto`;
  const { status } = spawnSync('buf', ['breaking', 'proto', '--against', against], {
    stdio: 'inherit',
  });
  if (status === 0) process.stdout.write(`breaking: none since ${base.slice(0, 8)}\n`);
  else process.exitCode = 1;
}
