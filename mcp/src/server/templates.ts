import type { JsonObject } from '@bufbuild/protobuf';
import type { KnownTemplate } from './backend.ts';
import type { McpCall } from './call.ts';
import { resourceType } from './resource-uri.ts';

/** The form that the URIs of all items have that have none of their own. */
const generic: JsonObject = {
  uriTemplate: 'weir://{provider}/{type}/{+key}',
  name: 'item',
  title: 'Any item of context',
  description: 'An item by its provider, its type and its key.',
};

/** resources/templates/list: all forms of keys that the caller may know of, on one page. */
export function listTemplates({ backend, visit, without }: McpCall): JsonObject {
  if (without?.context) return { resourceTemplates: [] };
  const known = backend.templates(visit.caller);
  return { resourceTemplates: [...known.map(templateOf), generic] };
}

/** The form of URIs that a form of keys makes. */
export function templateUri({ provider, type, template }: KnownTemplate): string {
  if (type === resourceType) return template;
  return `weir://${encodeURIComponent(provider)}/${encodeURIComponent(type)}/${template}`;
}

function templateOf(known: KnownTemplate): JsonObject {
  const { name, title, description, contentType } = known;
  return {
    ...{ uriTemplate: templateUri(known), name },
    ...(title !== '' && { title }),
    ...(description !== '' && { description }),
    ...(contentType !== '' && { mimeType: contentType }),
  };
}
