import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const modules = join(import.meta.dirname, '../../../../node_modules');

/** A folder for a project, in which the packages of this one are installed. */
export interface ProjectFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes a folder for a project, gone after the test. */
export async function openProjectFolder(): Promise<ProjectFolder> {
  const path = await mkdtemp(join(tmpdir(), 'weir-generated-'));
  await symlink(modules, join(path, 'node_modules'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** What `npm run types` does; what it finds, or nothing. */
export async function checkTypes(folder: string): Promise<string> {
  const compiler = join(modules, 'ts7/bin/tsc');
  return run(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`,
  );
}

/** What `npm test` does: how many tests passed, were skipped, and failed. */
export async function runTests(folder: string, databaseUrl?: string) {
  const env: NodeJS.ProcessEnv = { ...process.env, DATABASE_URL: databaseUrl };
  const args = ['--test', '--test-reporter=tap', 'test/**/*.test.ts'];
  const output = await run(process.execPath, args, { cwd: folder, env }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const count = (name: string) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(output)?.[1]);
  return { passed: count('pass'), skipped: count('skipped'), failed: count('fail'), output };
}
