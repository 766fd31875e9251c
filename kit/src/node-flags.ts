/** What Node starts Weir with: short pauses of its collections; docs/operating.md says why. */
export const nodeFlags: readonly string[] = [
  '--scavenger-max-new-space-capacity-mb=8',
  '--heap-growing-percent=100',
  '--no-allocation-site-pretenuring',
];

/** The same for a process that has one core to itself, as a router has. */
export const oneCoreFlags: readonly string[] = [...nodeFlags, '--single-threaded-gc'];
