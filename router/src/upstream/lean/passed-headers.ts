import type { Interceptor, UnaryRequest } from '@connectrpc/connect';

type Next = Parameters<Interceptor>[0];

/** No interceptor learns what becomes of a call. */
const endless = new Promise<never>(() => {});
const next: Next = () => endless;

/**
 * What interceptors set of headers for a call that is made now: names and values in turn. They
 * are given the headers and nothing else of a request, and no answer.
 */
export function headersBy(interceptors: readonly Interceptor[]): () => readonly string[] {
  if (interceptors.length === 0) return () => [];
  const chain = interceptors.reduceRight<Next>((then, interceptor) => interceptor(then), next);
  return () => {
    const header = new Headers();
    void chain({ header } as UnaryRequest);
    return [...header].flat();
  };
}
