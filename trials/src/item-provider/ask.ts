import type { ItemValue } from '../chaos/items.ts';
import type { SourceAnswer, SourceQuestion } from '../chaos/source.ts';

let lastId = 0;
const waiting = new Map<number, (answer: SourceAnswer) => void>();
process.on('message', (answer: SourceAnswer) => {
  waiting.get(answer.id)?.(answer);
  waiting.delete(answer.id);
});

/** Asks the source of the items, which is the process that started this one. */
export async function askSource(
  question: Omit<SourceQuestion, 'id'>,
): Promise<readonly (ItemValue | null)[]> {
  lastId += 1;
  const id = lastId;
  const { promise, resolve } = Promise.withResolvers<SourceAnswer>();
  waiting.set(id, resolve);
  process.send?.({ id, ...question });
  return (await promise).values;
}
