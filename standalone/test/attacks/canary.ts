import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A server on loopback that nobody may be led to. */
export interface CanaryListener extends AsyncDisposable {
  readonly port: number;
  /** How often it was dialled. */
  readonly dialled: number;
}

/** Opens it, on every address of this machine. */
export async function openCanaryListener(): Promise<CanaryListener> {
  let dialled = 0;
  const server = createServer((socket) => {
    dialled += 1;
    socket.on('error', () => {});
    socket.destroy();
  });
  server.listen(0, '::');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get dialled() {
      return dialled;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A secret that is found again wherever it shows. */
export function mintCanary(): string {
  return `canary${randomBytes(16).toString('hex')}`;
}

/** Something that was written or said while the attacks ran. */
export interface Evidence {
  readonly where: string;
  readonly text: string;
}

/** Where any of the secrets shows, as it is or in a usual code. */
export function leaks(evidence: readonly Evidence[], secrets: Iterable<string>): string[] {
  const forms = [...secrets].flatMap(formsOf);
  return evidence.flatMap(({ where, text }) =>
    forms.filter(({ form }) => text.includes(form)).map(({ code }) => `${where}: ${code}`),
  );
}

function formsOf(secret: string): { code: string; form: string }[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  return [
    { code: 'as it is', form: secret },
    { code: 'hex', form: hex },
    { code: 'HEX', form: hex.toUpperCase() },
    // Wherever it begins within other text, three ways are possible: without the ends.
    ...[0, 1, 2].map((before) => ({
      code: 'base64',
      form: Buffer.concat([Buffer.alloc(before), bytes])
        .toString('base64')
        .slice(4, -4),
    })),
  ];
}
