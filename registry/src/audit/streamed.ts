import { unavailable } from '../store/faults.ts';

/** A stream in which a database that cannot be reached is told as in any other answer. */
export async function* streamed<T>(parts: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* parts;
  } catch (error) {
    throw unavailable(error) ?? error;
  }
}
