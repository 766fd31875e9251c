/** What was made of a value. */
export interface Redacted {
  /** The value without what had to go; the one given when nothing had to. */
  readonly payload: Uint8Array;
  /** What was done, for records, such as "mask /salary" or "redact [email] 3"; at most 32, sorted. */
  readonly changes: readonly string[];
}

/** Does what a set of obligations asks. Made once for each set and type version, and kept. */
export interface Redactor {
  /** Whether there is nothing to do: values of the type have no field that it is about. */
  readonly isIdle: boolean;
  /**
   * Redacts a value. Undefined: its form does not allow it (it is no JSON and fields are to be
   * masked, it is nothing that can be read as text, or it is too large), so that it must be refused.
   */
  value(payload: Uint8Array, contentType: string): Redacted | undefined;
  /**
   * Redacts a text that tells of a value: a title, summary, label, owner or message.
   *
   * @param field - The name under which it stands, such as that of a label; it can tell what it is.
   */
  text(text: string, field?: string): string;
  /**
   * Whether fields are hidden. A text that tells of a value may quote them where `text` cannot know
   * it: leave out its summary, and what else is made of its content.
   */
  readonly hidesFields: boolean;
}
