import type { JsonSchema } from '@weir/sdk/provider';
import type { MarkedField } from '../../suggest/policy.ts';
import type { CredentialSpec } from '../runtime/credentials.ts';
import type { ListSpec } from '../runtime/list.ts';
import type { RequestSpec } from '../runtime/request.ts';

// What a document becomes, before anything of it is written in a language. Writers and `serve` read
// it; nothing in it is a text of a program.

/** A provider that stands for an API. */
export interface ApiModel {
  /** The name of the provider. */
  readonly name: string;
  /** Semver; from the document where it has such a version. */
  readonly version: string;
  readonly title: string;
  readonly description: string;
  /** The address of the API, without a slash at its end. */
  readonly baseUrl: string;
  /** Ways to say who calls, by the name that requests use. */
  readonly credentials: Readonly<Record<string, CredentialSpec>>;
  readonly contexts: readonly ContextModel[];
  readonly operations: readonly OperationModel[];
  /** Schemas that others refer to as `#/$defs/NAME`, of what the API answers. */
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** What is not supported of this document, or was decided in a way that one may not expect. */
  readonly notes: readonly Note[];
  readonly counts: ApiCounts;
}

/** Something to know of a document. */
export interface Note {
  /** A JSON Pointer into the document, or an operation such as `GET /things`. */
  readonly place: string;
  readonly text: string;
}

/** How much there is. */
export interface ApiCounts {
  /** The version of OpenAPI that the document was written in. */
  readonly version: string;
  readonly operations: number;
  readonly contexts: number;
  /** Contexts that can be listed. */
  readonly lists: number;
  readonly readOnlyOperations: number;
  readonly otherOperations: number;
}

/** A context type, and the requests by which its values are got. */
export interface ContextModel {
  /** The name of the type, such as `PetOwner`. */
  readonly type: string;
  readonly title: string;
  readonly description: string;
  /** Refers to `definitions` of the model. */
  readonly schema: JsonSchema;
  /** Definitions that are left open in it, so that it is not larger than Weir takes. */
  readonly open: readonly string[];
  readonly request: RequestSpec;
  /** The parameters that a key is made of, in the order of the path. */
  readonly keyParameters: readonly string[];
  readonly list: ListModel | undefined;
  /** Fields that a policy should hide, with the reason for each. */
  readonly marked: readonly MarkedField[];
  /** The most sensitive that anything in it is, as far as was suggested. */
  readonly sensitivity: MarkedField['level'] | undefined;
  /** Values to try it with, if the document has examples of them. */
  readonly example: ContextExample | undefined;
}

/** How a type is listed. */
export interface ListModel {
  readonly spec: ListSpec;
  /** What was recognised, for people. */
  readonly reason: string;
}

/** An answer that the document shows. */
export interface ContextExample {
  readonly key: string;
  /** The path that is then asked for, from the base of the API. */
  readonly path: string;
  readonly body: unknown;
}

/** Something that can be done, off until it is enabled. */
export interface OperationModel {
  /** The name, unique in the provider. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Why it is an operation and no context. */
  readonly reason: string;
  readonly readOnly: boolean;
  readonly idempotent: boolean;
  readonly destructive: boolean;
  /** Whole: it refers to nothing outside of itself. */
  readonly input: JsonSchema;
  readonly request: RequestSpec;
}
