import { Code, ProviderError } from '@weir/sdk/provider';
import { type CredentialSpec, createCredentials } from './credentials.ts';
import { createGuard } from './guard.ts';
import { type Arguments, buildRequest, type RequestSpec } from './request.ts';
import type { Secrets } from './secrets.ts';
import { type Incoming, type Outgoing, Refused, send, TooLarge } from './send.ts';

/** What is needed to call an API. */
export interface ApiOptions {
  /** Its address, such as `https://api.example.com/v1`. */
  readonly baseUrl: string;
  /** Whether requests with an address of their own go there too. Default: no. */
  readonly isMoved?: boolean | undefined;
  /** Ways to say who calls, by the name that requests use. */
  readonly credentials: Readonly<Record<string, CredentialSpec>>;
  /** Finds the secrets that credentials name. */
  readonly secrets: Secrets;
  /** What may be called besides public addresses: `loopback`, `private`, `10.1.0.0/16`. Default: nothing. */
  readonly outboundAllow?: readonly string[] | undefined;
  /** The time for one request, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** The largest answer read, in bytes. Default: 16 MiB. */
  readonly maxBytes?: number | undefined;
}

/** How one request is made. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** The tag of the answer that is known, for If-None-Match. */
  readonly knownEtag?: string | undefined;
}

/** An API that can be called. */
export interface Api {
  /**
   * Makes a request. What says that there is no such thing (404, 410) and that nothing has changed
   * (304) is an answer as any other.
   *
   * @throws {ProviderError} for everything else that is no success.
   */
  call(request: RequestSpec, values: Arguments, options: CallOptions): Promise<Incoming>;
  /** The same, of a path that the API itself has named; it has to lie on the same host. */
  follow(request: RequestSpec, target: string, options: CallOptions): Promise<Incoming>;
}

const defaultTimeoutMs = 10_000;
const defaultMaxBytes = 16 * 1024 * 1024;
const retryMaxMs = 3_600_000;

/**
 * Opens an API.
 *
 * @throws {TypeError} when the address or what is allowed cannot be read.
 */
export function createApi(options: ApiOptions): Api {
  const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes } = options;
  const guard = createGuard(options.outboundAllow ?? []);
  const base = baseOf(options.baseUrl);
  const ownOf = ({ baseUrl }: RequestSpec) =>
    baseUrl === undefined || options.isMoved ? base : baseOf(baseUrl);
  const bounded = (signal: AbortSignal) =>
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const transmit = (outgoing: Outgoing, signal: AbortSignal) =>
    send(outgoing, { guard, signal, maxBytes });
  const credentials = createCredentials({
    specs: options.credentials,
    secrets: options.secrets,
    send: (outgoing) => transmit(outgoing, AbortSignal.timeout(timeoutMs)),
  });
  const make = async (request: RequestSpec, built: Built, { signal, knownEtag }: CallOptions) => {
    const within = bounded(signal);
    try {
      const applied = await credentials.apply(request.security, within);
      const url = new URL(built.url);
      if (applied.query.length > 0) {
        url.search = [url.search.replace(/^\?/, ''), ...applied.query].filter(Boolean).join('&');
      }
      const cookie = [built.headers.cookie, ...applied.cookies].filter(Boolean).join('; ');
      const headers = {
        'user-agent': 'weir-provider',
        ...built.headers,
        ...(cookie !== '' && { cookie }),
        ...(knownEtag && /^(?:W\/)?"[^"]*"$/.test(knownEtag) && { 'if-none-match': knownEtag }),
        ...applied.headers,
      };
      const { method } = request;
      const incoming = await transmit({ method, url, headers, body: built.body }, within);
      if (incoming.status === 401) applied.forget();
      return checked(incoming, applied.references);
    } catch (error) {
      throw failureOf(error, { signal, timeoutMs });
    }
  };
  return {
    async call(request, values, call) {
      const { target, ...built } = readable(() => buildRequest(request, values));
      const own = ownOf(request);
      return make(request, { ...built, url: new URL(`.${target}`, own) }, call);
    },
    async follow(request, target, call) {
      const own = ownOf(request);
      const url = URL.parse(target, own.href);
      if (url?.origin !== own.origin) {
        throw new ProviderError(Code.Internal, 'the API names a next page on another host');
      }
      return make(request, { url, headers: { accept: request.accept }, body: undefined }, call);
    },
  };
}

function baseOf(url: string): URL {
  return new URL(`${url.replace(/\/+$/, '')}/`);
}

interface Built {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

function readable<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new ProviderError(Code.InvalidArgument, (error as Error).message);
  }
}

function checked(incoming: Incoming, references: readonly string[]): Incoming {
  const { status, headers } = incoming;
  if ((status >= 200 && status < 300) || status === 304 || status === 404 || status === 410) {
    return incoming;
  }
  if (status === 401 || status === 403) {
    const used = references.length > 0 ? references.join(', ') : 'a request without credentials';
    const text = `the API refuses ${used} (status ${status})`;
    throw new ProviderError(Code.FailedPrecondition, text);
  }
  const told = `the API answers with status ${status}`;
  const retryDelayMs = retryDelayOf(headers['retry-after']);
  if (status === 429) {
    throw new ProviderError(Code.ResourceExhausted, told, { retryDelayMs: retryDelayMs ?? 1_000 });
  }
  if (status >= 500) throw new ProviderError(Code.Unavailable, told, { retryDelayMs });
  throw new ProviderError(status < 400 ? Code.Unavailable : Code.InvalidArgument, told);
}

/** Retry-After is a number of seconds or a date. */
function retryDelayOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), retryMaxMs) : undefined;
}

function failureOf(
  error: unknown,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): unknown {
  if (error instanceof ProviderError || signal.aborted) return error;
  const { name, code } = error as NodeJS.ErrnoException;
  if (error instanceof TooLarge) {
    return new ProviderError(Code.ResourceExhausted, error.message, { cause: error });
  }
  if (error instanceof Refused || code === 'ERR_REFUSED') {
    // The address stays with who runs the provider.
    const text = 'the address of the API, or where it redirects to, may not be called';
    return new ProviderError(Code.FailedPrecondition, text, { cause: error });
  }
  if (name === 'TimeoutError' || name === 'AbortError') {
    const text = `the API did not answer within ${timeoutMs} ms`;
    return new ProviderError(Code.DeadlineExceeded, text, { cause: error });
  }
  const text = 'the API cannot be reached';
  return new ProviderError(Code.Unavailable, text, { retryDelayMs: 1_000, cause: error });
}
