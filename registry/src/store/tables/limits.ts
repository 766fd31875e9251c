import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type Limits, LimitsSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { sql } from 'drizzle-orm';

/** The limits of a row that may have none, as fields to spread into a message. */
export function limitsField(limits: unknown): { limits?: Limits } {
  return limits === null ? {} : { limits: fromJson(LimitsSchema, limits as JsonValue) };
}

/** Limits as a column holds them. drizzle would write a bare null as JSON null. */
export function limitsOrNull(limits: Limits | undefined) {
  return limits ? toJson(LimitsSchema, limits) : sql`null`;
}
