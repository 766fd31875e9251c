/**
 * Turns single look-ups into batched ones: those asked for in one turn of the event loop go
 * together. `load` answers by position, and must not reject.
 */
export function createBatcher<T>(
  load: (keys: readonly string[]) => Promise<readonly (T | undefined)[]>,
): (key: string) => Promise<T | undefined> {
  let keys: string[] = [];
  let waiting: ((value: T | undefined) => void)[] = [];

  const flush = async () => {
    const [batch, resolves] = [keys, waiting];
    keys = [];
    waiting = [];
    const values = await load(batch);
    resolves.forEach((resolve, i) => {
      resolve(values[i]);
    });
  };

  return (key) =>
    new Promise((resolve) => {
      if (keys.length === 0) process.nextTick(() => void flush());
      keys.push(key);
      waiting.push(resolve);
    });
}
