/**
 * What ended a job before it could answer: it ran out of time, heap or stack, or the thread died
 * under it.
 */
export type JobFault = 'time' | 'memory' | 'stack' | 'crash';

/** A job that did not answer. Only this job is lost; the caller decides what it means. */
export class JobError extends Error {
  override readonly name = 'JobError';
  /** What ended it. */
  readonly fault: JobFault;

  constructor(fault: JobFault, text: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause });
    this.fault = fault;
  }
}

/** Whether an error says that the stack is exhausted. */
export function isStackFault(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith('Maximum call stack');
}
