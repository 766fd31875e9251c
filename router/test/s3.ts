import { readFile } from 'node:fs/promises';
import { AwsClient } from 'aws4fetch';
import { parseS3Credentials } from '../src/blobs/s3-client.ts';

/** A server that verifies signatures; .ci/s3 starts one and tells these variables. Empty: there is none. */
export const { WEIR_TEST_S3_URL: s3Url = '', WEIR_TEST_S3_KEY_FILE: s3KeyFile = '' } = process.env;

/** The key that the server knows. */
export async function s3Credentials() {
  return parseS3Credentials('WEIR_TEST_S3_KEY_FILE', await readFile(s3KeyFile, 'utf8'));
}

/** Makes the bucket, unless it is there. */
export async function makeBucket(): Promise<void> {
  const bucket = new URL(s3Url);
  const region = bucket.searchParams.get('region') ?? '';
  const aws = new AwsClient({ ...(await s3Credentials()), service: 's3', region });
  const { status } = await aws.fetch(`${bucket.origin}${bucket.pathname}`, { method: 'PUT' });
  if (status !== 200 && status !== 409) throw new Error(`the bucket cannot be made: ${status}`);
}
