import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Waits until a process has said something. Rejects with what it said when it ends before. */
export function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk: Buffer) => {
      text += chunk;
      const found = pattern.exec(text);
      if (found) resolve(found);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', () => reject(new Error(`it ended: ${text}`)));
  });
}

/** Stops a process, and tells its exit code. */
export async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
  return child.exitCode;
}
