import { join } from 'node:path';
import { missingPrograms } from './topology/engine.ts';
import { tryTopology } from './topology/try.ts';

// Takes the steps of the Dockerfile in a clean folder, starts what compose.yaml describes as
// processes, and tries it as docs/operating.md says. Needs no engine of containers.

const context = join(import.meta.dirname, '..');
const missing = missingPrograms();
if (missing.length > 0) {
  console.error(`topology: not here: ${missing.join(', ')}; install them and PostgreSQL's tools`);
  process.exitCode = 2;
} else {
  const { passed, failed } = await tryTopology(context, console.log);
  console.log(`topology: ${passed} checks passed${failed > 0 ? `, ${failed} failed` : ''}`);
  if (failed > 0) process.exitCode = 1;
}
