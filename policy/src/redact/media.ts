import { isUtf8 } from 'node:buffer';

/** How a value is read: `lines` is one JSON text for each line; `any`: by its bytes alone. */
export type Form = 'json' | 'lines' | 'text' | 'opaque' | 'any';

const lineTypes = new Set(
  ['x-ndjson', 'ndjson', 'jsonl', 'x-jsonl', 'jsonlines', 'x-jsonlines', 'json-lines'].map(
    (name) => `application/${name}`,
  ),
);
/** Whose content is not what stands in them as text: compressed, encoded, or in parts. */
const opaqueTypes =
  /^(?:image|audio|video|font|model|multipart|message)\/|^(?:application|text)\/(?:rtf|pdf|postscript|zip|gzip|zstd|x-tar|x-7z-compressed|java-archive|wasm|msgpack|cbor|x-protobuf|protobuf|avro|grpc.*|vnd\.(?:ms-|openxmlformats|oasis|apache\.parquet|sqlite3).*)$/;
const charsets = new Set(['', 'utf-8', 'utf8', 'us-ascii', 'ascii']);
/** Control characters that texts hold: blanks, and the escape of terminals. */
const textual = new Set([9, 10, 11, 12, 13, 27]);
const BYTE_ORDER_MARK = '\ufeff';

/** The form of a media type (RFC 9110); `opaque` also for a text in another charset than UTF-8. */
export function formOf(contentType: string): Form {
  const [essence = '', ...parameters] = contentType.toLowerCase().split(';');
  const type = essence.trim();
  if (!parameters.every(isReadable)) return 'opaque';
  if (type === 'application/json' || type === 'text/json' || type.endsWith('+json')) return 'json';
  if (lineTypes.has(type)) return 'lines';
  if (type.endsWith('+xml')) return 'text';
  if (opaqueTypes.test(type)) return 'opaque';
  return type.startsWith('text/') ? 'text' : 'any';
}

/** Whether a parameter names no charset, or one that is read. */
function isReadable(parameter: string): boolean {
  const [, charset] = /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/.exec(parameter) ?? [];
  return charset === undefined || charsets.has(charset);
}

/** A text, and the byte order mark that stood before it. */
export interface Decoded {
  readonly mark: string;
  readonly text: string;
}

/** Reads bytes as UTF-8; undefined: they are none. */
export function decoded(payload: Uint8Array): Decoded | undefined {
  if (!isUtf8(payload)) return undefined;
  const { buffer, byteOffset, byteLength } = payload;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  return text.startsWith(BYTE_ORDER_MARK)
    ? { mark: BYTE_ORDER_MARK, text: text.slice(1) }
    : { mark: '', text };
}

/** Whether control characters stand in it, as in what is no text though it is UTF-8. */
export function isBinary(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 && !textual.has(code)) return true;
  }
  return false;
}
