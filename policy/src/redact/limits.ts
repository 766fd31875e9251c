/** The largest value that is redacted, which takes a second or two; a larger one is refused. */
export const REDACTED_MAX_BYTES = 16 * 1024 * 1024;
/** Objects and lists within each other. */
export const REDACTED_DEPTH = 200;
/** Members, elements and rules looked at in one value; a hash counts as many. */
export const REDACTED_STEPS = 4_000_000;
/** As how many steps a hash counts: about its time beside that of a member. */
export const STEPS_PER_HASH = 20;
/** What was done, in a record. */
export const CHANGES_MAX = 32;
