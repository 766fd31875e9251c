const gatherMs = 50;

/** Tells of changes together that come together. */
export function createUpdates(
  tell: (uris: readonly string[]) => Promise<void>,
): (uri: string) => void {
  const waiting = new Set<string>();
  return (uri) => {
    waiting.add(uri);
    if (waiting.size > 1) return;
    setTimeout(() => {
      const uris = [...waiting];
      waiting.clear();
      void tell(uris);
    }, gatherMs);
  };
}
