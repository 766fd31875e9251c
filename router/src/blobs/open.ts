import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  type HttpRequest,
  type HttpResponse,
  type Logger,
  readSecretFile,
  SettingsError,
} from '@weir/kit';
import type { RouterConfig } from '../config.ts';
import type { BlobStore } from './blob-store.ts';
import { openFileStore } from './file-store.ts';
import { createLinks } from './links.ts';
import { parseS3Credentials } from './s3-client.ts';
import { openS3Store } from './s3-store.ts';

/** A store, with what of it is served at the port of callers. */
export interface OpenBlobs {
  readonly store: BlobStore;
  readonly handle?: (request: HttpRequest, response: HttpResponse) => boolean;
}

const KEY_FILE = 'WEIR_BLOB_S3_KEY_FILE';

/** Opens the store that the settings name: a bucket of S3, else a folder. */
export async function openBlobs(
  config: RouterConfig,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<OpenBlobs> {
  checkSizes(config);
  const dir = config.blobDir ?? join(config.dataDir, 'blobs');
  await makeFolder(dir);
  const { blobStoreMaxBytes: maxBytes, blobLinkMs: holdMs } = config;
  if (config.blobS3Url !== undefined) {
    const credentials = readCredentials(config.blobS3KeyFile);
    const spool = { spoolDir: join(dir, '.upload'), spoolMaxBytes: maxBytes };
    const { blobS3Url: url } = config;
    return { store: await openS3Store({ url, credentials, ...spool, holdMs, ...deps }) };
  }
  const { serviceSecret: secret, publicUrl } = config;
  const links = createLinks({ secret, holdMs, publicUrl, clock: deps.clock });
  const store = await openFileStore({ dir, maxBytes, holdMs, links, ...deps });
  return { store, handle: store.handle };
}

async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await access(dir, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = `leads to ${dir}, which cannot be written to (${code})`;
    throw new SettingsError('WEIR_BLOB_DIR', reason, 'name a folder that this user may write to');
  }
}

function readCredentials(path: string | undefined) {
  if (path !== undefined) return parseS3Credentials(KEY_FILE, readSecretFile(KEY_FILE, path));
  throw new SettingsError(KEY_FILE, 'is not set, and WEIR_BLOB_S3_URL is', 'set both');
}

function checkSizes({ blobMaxBytes, blobStoreMaxBytes }: RouterConfig): void {
  if (blobMaxBytes <= blobStoreMaxBytes) return;
  const reason = `is ${blobStoreMaxBytes} bytes, less than WEIR_BLOB_MAX_BYTES`;
  throw new SettingsError('WEIR_BLOB_STORE_MAX_BYTES', reason, 'raise it, or lower the other');
}
