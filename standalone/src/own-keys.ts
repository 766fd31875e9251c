import { readFileSync, writeFileSync } from 'node:fs';
import { createWeir, Reason, WeirCallError } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';

/** A part of this process that registers providers, with a key of its own. */
export interface OwnPart {
  readonly principal: string;
  readonly title: string;
  /** Empty: the tenant of the administrator. */
  readonly tenant: string;
}

/** The key of a part: kept in a file, and made when needed. */
export async function ownKey(
  path: string,
  part: OwnPart,
  { url, adminKey }: { readonly url: string; readonly adminKey: string },
): Promise<string> {
  const kept = readKept(path);
  if (kept !== undefined && (await isValid(url, kept))) return kept;
  const weir = createWeir({ url, key: adminKey });
  try {
    const { secret } = await weir.admin.createKey({ ...part, scopes: [Scope.REGISTER] });
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    return secret;
  } finally {
    weir.close();
  }
}

function readKept(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function isValid(url: string, key: string): Promise<boolean> {
  const weir = createWeir({ url, key, retries: 0 });
  try {
    await weir.admin.whoAmI({});
    return true;
  } catch (error) {
    if (error instanceof WeirCallError && error.reason === Reason.CREDENTIAL_INVALID) return false;
    throw error;
  } finally {
    weir.close();
  }
}
