import { SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import type { Session } from './session.ts';
import type { UpstreamConfig } from './upstream-config.ts';

const aliveWithinMs = 5_000;

/** Ends a session that is no longer any good, so that another is opened. */
export async function suspect(
  error: unknown,
  session: Session,
  config: UpstreamConfig,
): Promise<void> {
  const isForgotten =
    error instanceof SdkHttpError && error.status === 404 && config.transport.kind === 'http';
  const isLate = error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout;
  if (!isForgotten && !isLate) return;
  const { client, era } = session;
  const options = { timeout: aliveWithinMs };
  const isAlive = isForgotten
    ? false
    : await (era === 'modern' ? client.discover(options) : client.ping(options)).then(
        () => true,
        () => false,
      );
  if (!isAlive) await client.close();
}
