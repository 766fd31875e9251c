import type { Interceptor } from '@connectrpc/connect';
import { unavailable } from './store/faults.ts';

/** Turns faults of an unreachable database into a refusal that says when to try again. */
export const sanitiseFaults: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw unavailable(error) ?? error;
  }
};
