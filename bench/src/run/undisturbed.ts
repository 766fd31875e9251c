/** More than this of a core, taken by others, and a measurement is made again. */
export const foreignShareMax = 0.15;
/** How often it is made again at most; then the last one counts. */
export const againMax = 3;

/**
 * Measures until others took little enough of the machine meanwhile. What was measured is never
 * looked at: only who else was at work decides.
 */
export async function undisturbed<T extends { readonly foreignCpuShare: number }>(
  measure: () => Promise<T>,
  options: { readonly againMax: number; onDisturbed?(measured: T): void },
): Promise<T & { readonly disturbed: number }> {
  for (let disturbed = 0; ; disturbed += 1) {
    const measured = await measure();
    if (measured.foreignCpuShare <= foreignShareMax) return { ...measured, disturbed };
    options.onDisturbed?.(measured);
    if (disturbed === options.againMax) return { ...measured, disturbed };
  }
}
