declare module 'hpack.js' {
  import type { Duplex } from 'node:stream';

  interface Field {
    readonly name: string;
    readonly value: string;
  }

  interface Decompressor extends Duplex {
    /** Decodes what was written; what is wrong is emitted as an error. */
    execute(): void;
    read(): Field | null;
  }

  interface Compressor extends Duplex {
    write(fields: readonly (Field & { readonly huffman: boolean })[]): boolean;
    read(): Uint8Array | null;
  }

  const hpack: {
    readonly compressor: {
      create(options: { readonly table: { readonly maxSize: number } }): Compressor;
    };
    readonly decompressor: {
      create(options: { readonly table: { readonly maxSize: number } }): Decompressor;
    };
  };
  // biome-ignore lint/style/noDefaultExport: so is the package's
  export default hpack;
}
