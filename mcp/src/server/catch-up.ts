/** Resources that were asked after while others were followed. */
export interface Late {
  /** Where the log of events is read from. */
  readonly since: string;
  /** By its URI, the position that the log had been followed to when the resource was asked after. */
  readonly uris: ReadonlyMap<string, bigint>;
}

/**
 * What happened to a resource between the time when a client asked after it, at whichever router, and the
 * time when the router heard of it that tells the client: it is read again, one reading at a time.
 */
export function createCatchingUp(read: (late: Late) => Promise<void>) {
  let waiting: { readonly since: string; readonly uris: Map<string, bigint> } | undefined;
  let reading = false;
  const readAll = async () => {
    reading = true;
    while (waiting) {
      const next = waiting;
      waiting = undefined;
      // What it was is in the log of calls.
      await read(next).catch(() => undefined);
    }
    reading = false;
  };
  return (uri: string, since: string, upTo: bigint): void => {
    if (since === '') return;
    waiting ??= { since, uris: new Map() };
    waiting.uris.set(uri, upTo);
    if (!reading) void readAll();
  };
}
