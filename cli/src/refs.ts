import { type ContextRef, parseRef } from '@weir/sdk';
import { usageFailure } from './failure.ts';

/** Reads the refs of a command line, all asked of one provider when one is named. */
export function readRefs(texts: readonly string[], provider?: string): ContextRef[] {
  return texts.map((text) => {
    try {
      return { ...parseRef(text), ...(provider !== undefined && { provider }) };
    } catch (error) {
      if (error instanceof TypeError) throw usageFailure(sentence(error.message));
      throw error;
    }
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
