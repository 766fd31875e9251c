/** What the exit codes of `weir` mean; listed in its help. */
export const exitCodes = {
  ok: 0,
  refused: 1,
  usage: 2,
  denied: 3,
  unavailable: 4,
  internal: 5,
  interrupted: 130,
} as const;

/** An exit code of `weir`. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The exit codes for `weir --help`. */
export const exitCodesHelp = `
Exit codes:
  0    all is well
  1    something was refused, not found or missing from the answer
  2    wrong usage or bad input
  3    no valid key, or the key may not do this
  4    Weir cannot be reached or is not available
  5    a fault of Weir or of this program
  130  interrupted`;
