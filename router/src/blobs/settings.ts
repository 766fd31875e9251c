import { bytes, durationMs, optional, path, url } from '@weir/kit';
import { MAX_PAYLOAD_BYTES } from '../gather/land.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** The settings of the store of large values. */
export const blobSettings = {
  blobMaxBytes: bytes('WEIR_BLOB_MAX_BYTES', {
    doc: 'The largest value that is kept to be fetched by a link, and the most that the parts of one answer of a provider may bring',
    default: '1GiB',
    min: MAX_PAYLOAD_BYTES,
  }),
  blobStoreMaxBytes: bytes('WEIR_BLOB_STORE_MAX_BYTES', {
    doc: 'How much the folder of large values may hold; with a bucket, how much may be on its way there',
    default: '8GiB',
    min: MAX_PAYLOAD_BYTES,
  }),
  blobLinkMs: durationMs('WEIR_BLOB_LINK_TTL', {
    doc: 'How long a link to a large value holds',
    default: '5m',
    min: 1_000,
    // The longest that S3 signs for.
    max: 7 * DAY_MS,
  }),
  blobDir: optional(
    path('WEIR_BLOB_DIR', {
      doc: 'The folder of large values, which several routers may share; none: blobs in WEIR_DATA_DIR',
    }),
  ),
  publicUrl: optional(
    url('WEIR_PUBLIC_URL', {
      doc: 'The address at which callers reach Weir: links to large values begin with it, /asyncapi.json names it, and its own pages may open WebSockets; none: links hold at the address that was called',
    }),
  ),
  blobS3Url: optional(
    url('WEIR_BLOB_S3_URL', {
      doc: 'The bucket that keeps large values in place of a folder, such as https://host/bucket?region=eu-west-1',
    }),
  ),
  blobS3KeyFile: optional(
    path('WEIR_BLOB_S3_KEY_FILE', {
      doc: 'The file with the access key of the bucket on its first line and the secret on its second, mode 0600',
    }),
  ),
};
