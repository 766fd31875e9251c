import { runMain } from '@weir/kit';
import { readStandaloneConfig } from './config.ts';
import type { LoadingThread } from './registry-thread.ts';
import { openStandalone } from './standalone.ts';
import { welcome } from './welcome.ts';

/** Runs Weir, with its registry on the thread given, until it is told to stop. */
export function runOn(
  thread: LoadingThread,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
): Promise<void> {
  return runMain(async () => {
    const config = readStandaloneConfig(env, args);
    const weir = await openStandalone(config, thread);
    process.stdout.write(await welcome(weir, config));
    return weir;
  });
}
