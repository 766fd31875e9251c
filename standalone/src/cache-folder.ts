import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';

/**
 * Where things are kept that make a start shorter and can be made again: beside what Node keeps of
 * compiled modules. Undefined when it keeps nothing.
 */
export function cacheFolder(): string | undefined {
  const versioned = getCompileCacheDir();
  return versioned === undefined ? undefined : dirname(versioned);
}
