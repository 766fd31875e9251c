import { runMain } from '@weir/kit';
import { readStandaloneConfig } from './config.ts';
import { openStandalone } from './standalone.ts';
import { welcome } from './welcome.ts';

/** Runs Weir in one process until it is told to stop; prints where it is and what to try. */
export function runStandalone(env: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<void> {
  return runMain(async () => {
    const config = readStandaloneConfig(env, args);
    const weir = await openStandalone(config);
    process.stdout.write(await welcome(weir, config));
    return weir;
  });
}
