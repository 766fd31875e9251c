import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Logger, listenFault } from '@weir/kit';
import { faultText } from '../errors.ts';
import { asksToGoOn, isOver, isSignedIn, type Page } from './sign-in-pages.ts';
import { createSignIns, type SignIn, type SignIns, signInForMs } from './sign-ins.ts';

/** Where browsers of users reach the connector. */
export interface SignInPlace {
  readonly host: string;
  /** 0: one that the system chooses. */
  readonly port: number;
  /** The address that browsers know. Undefined: that of host and port. */
  readonly publicUrl: string | undefined;
}

/** The listener to which users come to sign in, and are sent back. */
export interface SignInListener extends AsyncDisposable {
  readonly signIns: SignIns;
  /** Where authorization servers send users back to. */
  readonly redirectUrl: string;
  /** Where the connector says what it is as a client; authorization servers want https. */
  readonly documentUrl: string | undefined;
}

const paths = { begin: '/sign-in/', back: '/sign-in', document: '/sign-in/client.json' };
const headersMaxBytes = 16 * 1024;
const requestTimeoutMs = 10_000;
const connectionsMax = 200;

/** Listens. Throws SettingsError where it cannot. */
export async function openSignInListener(
  { host, port, publicUrl }: SignInPlace,
  { log, document }: { readonly log: Logger; document(at: SignInAddresses): object },
): Promise<SignInListener> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, maxHeaderSize: headersMaxBytes },
    (request, response) => {
      // A form without fields: there is nothing to read.
      request.resume();
      void answer(request).then(
        (page) => send(response, page),
        () => send(response, isOver('It did not work. Begin again where you were asked to.', 500)),
      );
    },
  );
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFault(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const base = (publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${bound}`).replace(
    /\/$/,
    '',
  );
  const { origin, protocol } = new URL(base);
  const isSecure = protocol === 'https:';
  const signIns = createSignIns(`${base}${paths.begin}`);
  const redirectUrl = `${base}${paths.back}`;
  const documentUrl = isSecure ? `${base}${paths.document}` : undefined;

  async function answer(request: IncomingMessage): Promise<Page> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://connector');
    if (pathname === paths.back && request.method === 'GET') return back(request, searchParams);
    if (pathname === paths.document && documentUrl && request.method === 'GET') {
      const body = JSON.stringify(document({ redirectUrl, documentUrl }));
      return { status: 200, body, headers: { 'content-type': 'application/json' } };
    }
    const signIn = pathname.startsWith(paths.begin)
      ? signIns.find(pathname.slice(paths.begin.length))
      : undefined;
    if (!signIn) return isOver('This sign-in is over. Begin again where you were asked to.', 404);
    if (request.method === 'GET') return asksToGoOn(signIn);
    // Another site must not say yes for the person: browsers name the site that a form came from.
    if (request.method === 'POST' && request.headers.origin === origin) return goOn(signIn);
    return isOver('That is not how to sign in. Open the address itself.', 403);
  }

  /** Only the browser in which a person said yes may bring the answer. */
  function goOn(signIn: SignIn): Page {
    const flags = `Max-Age=${signInForMs / 1000}; Path=${new URL(redirectUrl).pathname}; HttpOnly; SameSite=Lax`;
    const cookie = `${cookieOf(signIn)}=${signIn.browser}; ${flags}${isSecure ? '; Secure' : ''}`;
    return { status: 303, body: '', headers: { location: signIn.page.href, 'set-cookie': cookie } };
  }

  async function back(request: IncomingMessage, given: URLSearchParams): Promise<Page> {
    const signIn = signIns.take(given.get('state') ?? '');
    if (!signIn) return isOver('This sign-in is over. Begin again where you were asked to.', 400);
    if (!isBrowserOf(signIn, request)) {
      return isOver('This sign-in was begun in another browser. Begin again there.', 400);
    }
    try {
      await signIn.finish(given);
      log.info({ upstream: signIn.title }, 'somebody has signed in');
      return isSignedIn(signIn);
    } catch (error) {
      log.warn({ upstream: signIn.title, error: faultText(error) }, 'a sign-in was refused');
      return isOver('The sign-in was refused. Begin again where you were asked to.', 400);
    }
  }

  return {
    ...{ signIns, redirectUrl, documentUrl },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a client says of itself. */
export interface SignInAddresses {
  readonly redirectUrl: string;
  readonly documentUrl: string;
}

/** Each sign-in has its own, as a browser may be in the middle of several. */
function cookieOf({ id }: SignIn): string {
  return `weir-sign-in-${id.slice(0, 12)}`;
}

function isBrowserOf(signIn: SignIn, { headers }: IncomingMessage): boolean {
  const name = `${cookieOf(signIn)}=`;
  const cookies = (headers.cookie ?? '').split(/; */);
  const found = Buffer.from(
    cookies.find((each) => each.startsWith(name))?.slice(name.length) ?? '',
  );
  const wanted = Buffer.from(signIn.browser);
  return found.length === wanted.length && timingSafeEqual(found, wanted);
}

function send(response: ServerResponse, { status, body, headers }: Page): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    // With none, the form's origin would not be told.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ...headers,
  });
  response.end(body);
}
