import type { CorsOptions } from '@weir/kit';
import type { RouterConfig } from './config.ts';

/** Which pages of other origins may call; undefined: none. */
export function corsOf({
  corsOrigins,
}: Pick<RouterConfig, 'corsOrigins'>): CorsOptions | undefined {
  if (!corsOrigins) return undefined;
  return { origins: corsOrigins === '*' ? '*' : listOf(corsOrigins) };
}

/** What stands in a setting between commas. */
export function listOf(text: string): readonly string[] {
  return text.split(',').map((entry) => entry.trim());
}
