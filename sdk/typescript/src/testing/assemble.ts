import { create } from '@bufbuild/protobuf';
import {
  type Content,
  type FetchResponse,
  type FetchResult,
  FetchResultSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { concat, lengthOf } from '../payload.ts';

/** The results of an answer; values that come in parts are put together. */
export async function* wholeResults(
  answers: AsyncIterable<FetchResponse>,
): AsyncGenerator<FetchResult> {
  const begun = new Map<number, { readonly content: Content; readonly pieces: Uint8Array[] }>();
  for await (const { results } of answers) {
    for (const result of results) {
      const { index, outcome } = result;
      if (outcome.case === 'content' && outcome.value.totalBytes > 0n) {
        begun.set(index, { content: outcome.value, pieces: [outcome.value.payload] });
      } else if (outcome.case === 'part') begun.get(index)?.pieces.push(outcome.value.data);
      else yield result;
      const value = begun.get(index);
      if (value === undefined || lengthOf(value.pieces) < value.content.totalBytes) continue;
      begun.delete(index);
      const content = { ...value.content, payload: concat(value.pieces), totalBytes: 0n };
      yield create(FetchResultSchema, { index, outcome: { case: 'content', value: content } });
    }
  }
}
