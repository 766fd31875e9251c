import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be cut, and can hang. */
export interface TcpLink extends AsyncDisposable {
  readonly url: string;
  /** Ends what is open, and takes nothing new until it is mended. */
  cut(): void;
  /** Takes bytes and passes none on. */
  hang(): void;
  mend(): void;
}

/** Opens a way to the server at a URL, in clear text. */
export async function openTcpLink(to: string): Promise<TcpLink> {
  const { protocol, hostname, port, pathname } = new URL(to);
  const pairs = new Map<Socket, Socket>();
  let state: 'whole' | 'cut' | 'hanging' = 'whole';
  const server = createServer((near) => {
    if (state === 'cut') return near.destroy();
    const far = connect(Number(port), hostname);
    pairs.set(near, far);
    const end = () => {
      pairs.delete(near);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    if (state === 'hanging') near.pause();
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => near.write(bytes));
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    state = 'cut';
    for (const near of pairs.keys()) near.destroy();
  };
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    cut,
    hang() {
      state = 'hanging';
      for (const near of pairs.keys()) near.pause();
    },
    mend() {
      state = 'whole';
      for (const near of pairs.keys()) near.resume();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
