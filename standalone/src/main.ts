import { runStandalone } from './run.ts';

await runStandalone(process.env, process.argv.slice(2));
