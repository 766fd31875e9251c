import type { ContextKey, ContextValues } from '@connectrpc/connect';

/** Context values, without an object of functions for each call. */
export class LeanValues implements ContextValues {
  readonly [id: symbol]: unknown;

  get<T>({ id, defaultValue }: ContextKey<T>): T {
    return id in this ? (this[id] as T) : defaultValue;
  }

  set<T>({ id }: ContextKey<T>, value: T): this {
    (this as Record<symbol, unknown>)[id] = value;
    return this;
  }

  delete({ id }: ContextKey<unknown>): this {
    delete (this as Record<symbol, unknown>)[id];
    return this;
  }
}
