import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

// Outlives the process that started it, whatever that one dies of: then it kills the processes
// named on its standard input (`+pid`, and `-pid` once they ended) and removes their folder.

const [folder] = process.argv.slice(2);
const pids = new Set<number>();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) pids.add(pid);
  else pids.delete(pid);
}
for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
if (folder !== undefined && pids.size > 0) {
  // What was killed may still be writing.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
