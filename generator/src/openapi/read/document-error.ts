/** Something wrong with a document. */
export interface DocumentFault {
  /** Where: a JSON Pointer, with the line where it is known, or the name of a file. */
  readonly place: string;
  /** What is wrong and how to mend it. */
  readonly text: string;
}

/** At most so many faults are told at once. */
const faultsMax = 20;

/** A document cannot be used. Nothing of it was. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  readonly faults: readonly DocumentFault[];

  constructor(faults: readonly DocumentFault[]) {
    const told = faults.slice(0, faultsMax);
    super(told.map(({ place, text }) => `${place}: ${text}`).join('\n'));
    this.faults = told;
  }
}

/** The error of one fault. */
export function documentError(place: string, text: string): DocumentError {
  return new DocumentError([{ place, text }]);
}
