/**
 * Turns single look-ups into batched ones: those asked for in one turn of the event loop go
 * together. `load` answers by position; when it rejects, so does each of them.
 */
export function createBatcher<T>(
  load: (keys: readonly string[]) => Promise<readonly (T | undefined)[]>,
): (key: string) => Promise<T | undefined> {
  let keys: string[] = [];
  let loaded = Promise.withResolvers<readonly (T | undefined)[]>();

  const flush = () => {
    const [batch, { resolve }] = [keys, loaded];
    keys = [];
    loaded = Promise.withResolvers();
    resolve(load(batch));
  };

  return async (key) => {
    if (keys.length === 0) process.nextTick(flush);
    const position = keys.push(key) - 1;
    return (await loaded.promise)[position];
  };
}
