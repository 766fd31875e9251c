import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to Weir that can break. */
export interface Way extends AsyncDisposable {
  /** Its address. */
  readonly url: string;
  /** Breaks all connections; new ones are taken. */
  cut(): void;
  /** Breaks the next connections, each as soon as something is said over it. */
  drop(connections: number): void;
  /** Whether new connections are taken and broken at once. */
  close(isClosed: boolean): void;
}

/** Opens a way to an address, over TCP. */
export async function openWay(target: string): Promise<Way> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let toDrop = 0;
  let isClosed = false;
  const server = createServer((socket) => {
    track(socket, open);
    if (isClosed) {
      socket.destroy();
      return;
    }
    if (toDrop > 0) {
      toDrop -= 1;
      socket.once('data', () => socket.destroy());
      return;
    }
    const onward = track(connect(Number(port), hostname), open);
    socket.pipe(onward).pipe(socket);
    socket.once('close', () => onward.destroy());
    onward.once('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    drop(connections) {
      toDrop = connections;
      cut();
    },
    close(closed) {
      isClosed = closed;
      if (closed) cut();
    },
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

function track(socket: Socket, open: Set<Socket>): Socket {
  open.add(socket);
  // What breaks is told by its close.
  return socket.on('error', () => {}).once('close', () => open.delete(socket));
}
