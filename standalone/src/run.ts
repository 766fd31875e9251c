import { loadRegistryThread } from './registry-thread.ts';

/** Runs Weir in one process until it is told to stop; prints where it is and what to try. */
export async function runStandalone(
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): Promise<void> {
  // The two threads of Weir load at the same time, so nothing else is imported before.
  await using thread = loadRegistryThread();
  const { runOn } = await import('./run-on.ts');
  await runOn(thread, env, args);
}
