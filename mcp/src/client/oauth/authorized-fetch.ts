import { extractWWWAuthenticateParams, type FetchLike } from '@modelcontextprotocol/client';

/** What gives requests a token, and another when the upstream wants another. */
export interface Grant {
  /** The token that there is. Undefined: none yet. */
  token(): string | undefined;
  /**
   * Comes by a token that may do what `refused` says the last could not. Throws SignInNeeded when a
   * person has to, and AuthorizationFailed when that leads nowhere.
   */
  renew(refused: Response, sent: string | undefined): Promise<void>;
}

/** How often one request is made with another token: once for each way of being refused. */
const renewalsMax = 2;

/** Sends the grant's token with each request, and no other credential. */
export function withGrant(fetch: FetchLike, grant: Grant): FetchLike {
  return async (url, init = {}) => {
    const before = new Set<number>();
    for (;;) {
      const token = grant.token();
      const headers = new Headers(init.headers ?? {});
      headers.delete('authorization');
      if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
      const answer = await fetch(url, { ...init, headers });
      const { status } = answer;
      if (!isRefused(answer) || before.has(status) || before.size >= renewalsMax) return answer;
      before.add(status);
      await answer.body?.cancel();
      await grant.renew(answer, token);
    }
  };
}

/** Servers of MCP ask for another token by 401, or by 403 with what it has to be good for. */
function isRefused(answer: Response): boolean {
  if (answer.status === 401) return true;
  if (answer.status !== 403) return false;
  return extractWWWAuthenticateParams(answer).error === 'insufficient_scope';
}
