import type { JsonObject } from '@bufbuild/protobuf';

const text = (description: string): JsonObject => ({ type: 'string', description });

const purpose = text('What the call is for, such as "support"; policies can ask for it.');

/** The tool that fetches items of context. */
export const contextFetchTool: JsonObject & { readonly name: string } = {
  name: 'context_fetch',
  title: 'Fetch context',
  description:
    'Fetches up to 256 items of context in one call. Items that cannot be had are told with the reason; the others are answered all the same.',
  inputSchema: {
    type: 'object',
    properties: {
      refs: {
        type: 'array',
        maxItems: 256,
        description: 'What to fetch, by type and key.',
        items: {
          type: 'object',
          properties: {
            type: text('The context type, such as "DocChunk".'),
            key: text('The key of the item within its type.'),
            provider: text('The provider to ask. Left out: Weir chooses.'),
            version_range: text('Acceptable versions of the type, such as "^1.2".'),
          },
          required: ['type', 'key'],
        },
      },
      uris: {
        type: 'array',
        maxItems: 256,
        items: { type: 'string' },
        description: 'What to fetch, by the URI of its resource.',
      },
      max_age_ms: { type: 'number', minimum: 0, description: 'The greatest age acceptable.' },
      min_quality: { type: 'number', minimum: 0, maximum: 1, description: 'The least quality.' },
      purpose,
    },
  },
  outputSchema: {
    type: 'object',
    properties: {
      found: { type: 'integer', description: 'How many items were found.' },
      missing: { type: 'integer', description: 'How many were not.' },
      items: {
        type: 'array',
        description: 'One for each ref, then one for each URI, in their order.',
        items: {
          type: 'object',
          properties: {
            uri: { type: 'string' },
            type: { type: 'string' },
            key: { type: 'string' },
            found: { type: 'boolean' },
            content_type: { type: 'string' },
            value: { description: 'The value, where it is JSON.' },
            text: text('The value, where it is text; or why there is none.'),
            base64: text('The value, where it is neither.'),
            url: text('Where to get a value that is too large to carry.'),
            reason: text('Why the item was not found.'),
            retry_after_ms: { type: 'number' },
          },
          required: ['uri', 'type', 'key', 'found'],
        },
      },
    },
    required: ['found', 'missing', 'items'],
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
};

/** The tool that lists what there is. */
export const contextListTool: JsonObject & { readonly name: string } = {
  name: 'context_list',
  title: 'List context',
  description: 'Lists or searches what there is to fetch: by type, prefix of the key, or words.',
  inputSchema: {
    type: 'object',
    properties: {
      type: text('List only this context type.'),
      key_prefix: text('List only keys that begin with this.'),
      query: text('List only what matches these words, best first.'),
      provider: text("List only this provider's."),
      page_size: { type: 'integer', minimum: 1, maximum: 500 },
      page_token: text('Where to go on: next_page_token of the page before.'),
      purpose,
    },
  },
  outputSchema: {
    type: 'object',
    properties: {
      items: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            uri: { type: 'string' },
            type: { type: 'string' },
            key: { type: 'string' },
            provider: { type: 'string' },
            title: { type: 'string' },
            summary: { type: 'string' },
          },
          required: ['uri', 'type', 'key'],
        },
      },
      next_page_token: { type: 'string' },
      gaps: { type: 'array', description: 'Providers that could not be asked.' },
    },
    required: ['items'],
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
};
