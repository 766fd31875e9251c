import { run } from './run.ts';
import { openSurroundings } from './shell.ts';

process.exitCode = await run(process.argv.slice(2), openSurroundings(process));
