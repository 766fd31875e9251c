import { Code } from '@weir/sdk';

/** A gRPC code as gRPC names it, such as `NOT_FOUND`. */
export function codeName(code: Code): string {
  const name = Code[code] ?? 'Unknown';
  // Connect writes it with one l.
  if (code === Code.Canceled) return 'CANCELLED';
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (capital) => `_${capital}`).toUpperCase();
}
