import type { JsonObject } from '@bufbuild/protobuf';

/** A piece of text. */
export const text = (value: string): JsonObject => ({ type: 'text', text: value });

/** A picture of one point. */
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** The picture as a piece. */
export const image: JsonObject = { type: 'image', data: png, mimeType: 'image/png' };

/** A sound of no length, as a piece. */
export const audio: JsonObject = {
  ...{ type: 'audio', mimeType: 'audio/wav' },
  data: 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=',
};
