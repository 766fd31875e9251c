import { Code, type OperationCall, ProviderError, toolContent } from '@weir/sdk/provider';
import type { Api } from './api.ts';
import type { Arguments, RequestSpec } from './request.ts';

/** Makes a request of an operation's arguments. What is no text comes back as base64. */
export function callOperation(
  api: Api,
  request: RequestSpec,
): (call: OperationCall<Arguments>) => Promise<unknown> {
  return async ({ arguments: values, signal }) => {
    const { status, headers, body } = await api.call(request, values, { signal });
    if (status === 404 || status === 410) {
      throw new ProviderError(Code.NotFound, 'the API has no such thing');
    }
    const type = headers['content-type'] ?? '';
    const bytes = Buffer.from(body);
    if (bytes.length === 0) return { status };
    if (/[/+]json\b/.test(type)) return readJson(bytes);
    if (/^text\/|[/+](?:xml|yaml|csv)\b/.test(type)) {
      return toolContent({ content: [{ type: 'text', text: bytes.toString('utf8') }] });
    }
    return { contentType: type, base64: bytes.toString('base64') };
  };
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new ProviderError(Code.Internal, 'the API answers with broken JSON', { cause: error });
  }
}
