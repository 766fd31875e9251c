import type { BuiltInTypes } from './gen/types/context-types.ts';

/**
 * Maps the name of a context type to the TypeScript type of its values. Your own types join by
 * declaration merging:
 *
 * ```ts
 * declare module '@weir/sdk' {
 *   interface ContextTypes {
 *     Ticket: { id: string; title: string };
 *   }
 * }
 * ```
 */
export interface ContextTypes extends BuiltInTypes {}

/** The type of a context type's values: what `ContextTypes` says, else `unknown`. */
export type PayloadOf<T extends string> = T extends keyof ContextTypes ? ContextTypes[T] : unknown;
