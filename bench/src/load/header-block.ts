import hpack from 'hpack.js';

/** What blocks of headers are encoded and decoded to. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** In the static table (RFC 7541, appendix A), as indexed fields. */
const methodPost = 0x83;
const schemeHttp = 0x86;

const literalWithoutIndexing = 0x00;
const literalNeverIndexed = 0x10;
const sensitiveNames: ReadonlySet<string> = new Set(['authorization', 'cookie']);

/**
 * Encodes the headers of a request to POST, so that they are the same bytes on every connection:
 * without the dynamic table, without Huffman.
 */
export function encodePost(fields: Fields): Uint8Array {
  const literals = fields.flatMap(([name, value]) => [
    Uint8Array.of(sensitiveNames.has(name) ? literalNeverIndexed : literalWithoutIndexing),
    ...literal(name),
    ...literal(value),
  ]);
  return Buffer.concat([Uint8Array.of(methodPost, schemeHttp), ...literals]);
}

/** The dynamic table is emptied and stays so: what a peer that allows none must be told once. */
export const emptyTable = 0x20;

function literal(text: string): Uint8Array[] {
  const bytes = Buffer.from(text, 'latin1');
  return [prefixedInteger(bytes.length), bytes];
}

/** An integer with a prefix of seven bits (RFC 7541, section 5.1). */
function prefixedInteger(value: number): Uint8Array {
  const greatest = 0x7f;
  if (value < greatest) return Uint8Array.of(value);
  const bytes = [greatest];
  let left = value - greatest;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Uint8Array.from([...bytes, left]);
}

/** Decodes a block that uses no dynamic table. Throws when it is none. */
export function decodeFields(block: Uint8Array): Fields {
  const decompressor = hpack.decompressor.create({ table: { maxSize: 0 } });
  let fault: Error | undefined;
  decompressor.on('error', (error) => {
    fault ??= error;
  });
  decompressor.write(block);
  decompressor.execute();
  const fields: [string, string][] = [];
  for (let field = decompressor.read(); field !== null; field = decompressor.read()) {
    fields.push([field.name, field.value]);
  }
  decompressor.destroy();
  if (fault) throw fault;
  return fields;
}
