import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from '../../errors.ts';

/** What the framing says in ways of its own. */
const reserved = /^(content-|grpc-|connect-|te$|host$|:)/;

/**
 * Reads the metadata of a call, as the headers of a request. A credential that the connection was opened
 * with counts for all its calls; a call that brings another one has none, as of a request with
 * several: which of them a proxy has looked at nobody knows. Throws a refusal that says what is wrong.
 */
export function readMetadata(
  metadata: Readonly<Record<string, string>>,
  { authorization, maxBytes }: { readonly authorization: string | undefined; maxBytes: number },
): Headers {
  const headers = new Headers();
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata)) {
    bytes += name.length + value.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    if (reserved.test(name.toLowerCase())) throw isReserved(name);
    append(headers, name, value);
  }
  const own = headers.get('authorization');
  if (authorization !== undefined && own !== authorization) {
    headers.append('authorization', authorization);
  }
  return headers;
}

function append(headers: Headers, name: string, value: string): void {
  try {
    headers.append(name, value);
  } catch {
    const text = `metadata ${JSON.stringify(name)} cannot be a header: give names and values of HTTP, others in base64 under a name that ends in "-bin"`;
    throw refuse(Reason.MALFORMED_REQUEST, text);
  }
}

function isReserved(name: string) {
  const text = `metadata ${JSON.stringify(name)} is the framing's own: leave it out`;
  return refuse(Reason.MALFORMED_REQUEST, text);
}

function tooLarge(maxBytes: number) {
  return refuse(Reason.MESSAGE_TOO_LARGE, `the metadata is larger than ${maxBytes} bytes`);
}
