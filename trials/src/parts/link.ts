import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** How a link is cut: nothing gets through, nothing answers, or once the connections break. */
export type Cut = 'refuse' | 'stall' | 'reset';

/** A way between two parts, that can be cut and mended. */
export interface Link extends AsyncDisposable {
  readonly name: string;
  /** The port to connect to. */
  readonly port: number;
  /**
   * `refuse`: connections break, and new ones are refused. `stall`: they stay, and nothing gets
   * through until the link is mended. `reset`: they break, and new ones go through.
   */
  cut(how: Cut): void;
  /** Lets everything through again, what was held back included. */
  mend(): Promise<void>;
}

/** Opens a link from a port of its own to the first of the target ports that takes it. */
export async function openLink(
  name: string,
  port: number,
  targets: readonly number[],
): Promise<Link> {
  const sockets = new Set<Socket>();
  let stalled = false;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    track(socket);
    connectFirst(targets).then(
      (onward) => {
        track(onward);
        for (const [from, to] of [
          [socket, onward],
          [onward, socket],
        ] as const) {
          from.on('data', (bytes) => {
            if (!to.write(bytes)) from.pause();
          });
          to.on('drain', () => stalled || from.resume());
          from.on('end', () => to.end());
          from.on('close', () => to.destroy());
          if (!stalled) from.resume();
        }
      },
      () => socket.resetAndDestroy(),
    );
  });
  await listen(server, port);

  function track(socket: Socket): void {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }

  function breakAll(): void {
    for (const socket of sockets) {
      // A reset of a socket whose end is under way fails, and leaves it open for ever.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  return {
    name,
    port,
    cut(how) {
      stalled = how === 'stall';
      if (stalled) for (const socket of sockets) socket.pause();
      else breakAll();
      if (how === 'refuse') server.close();
    },
    async mend() {
      stalled = false;
      for (const socket of sockets) socket.resume();
      if (!server.listening) await listen(server, port);
    },
    async [Symbol.asyncDispose]() {
      breakAll();
      if (server.listening) server.close();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

async function connectFirst(ports: readonly number[]): Promise<Socket> {
  for (const port of ports) {
    const socket = createConnection({ port, host: '127.0.0.1' });
    try {
      await once(socket, 'connect');
      socket.pause();
      return socket;
    } catch {
      socket.destroy();
    }
  }
  throw new Error('nothing listens behind the link');
}
