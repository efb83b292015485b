import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { ResourceDefinition, WatchEvent } from '#registry/generic/types.ts';
import type { CachedObject } from '#store/cache.ts';
import type { Representation } from './negotiation.ts';

/** How much of each object a Table carries along (`includeObject`). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface View {
  readonly definition: ResourceDefinition;
  readonly representation: Representation;
  readonly includeObject: IncludeObject;
  readonly nowMs: number;
}

/** JSON of one object in the form asked for; of a plain object the text that the cache has already. */
export function objectText(view: View, cached: CachedObject): string {
  switch (view.representation.as) {
    case 'Object':
      return cached.json();
    case 'PartialObjectMetadata':
      return partialText(cached.object, view.representation.version);
    case 'Table':
      return tableStart(view, { resourceVersion: cached.object.metadata?.resourceVersion }) + rowText(view, cached) + tableEnd;
  }
}

/** JSON of what an event carries: Tables have their columns in the first event only; a bookmark's row carries its annotations. */
export function eventObjectText(view: View, event: WatchEvent, first: boolean): string {
  if (view.representation.as !== 'Table') return objectText(view, event.object);
  const metadata = { resourceVersion: event.object.object.metadata?.resourceVersion };
  const row = rowText(view, event.object);
  return tableStart(view, metadata, first) + row + tableEnd;
}

interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface ListText {
  readonly start: string;
  item(cached: CachedObject): string;
  readonly end: string;
}

/** The parts of a list; between items belongs a comma. */
export function listText(view: View, metadata: ListMeta): ListText {
  const { group, version, kind } = view.definition;
  switch (view.representation.as) {
    case 'Table':
      return { start: tableStart(view, metadata), item: (cached) => rowText(view, cached), end: tableEnd };
    case 'PartialObjectMetadata': {
      const apiVersion = `meta.k8s.io/${view.representation.version}`;
      const start = `{"kind":"PartialObjectMetadataList","apiVersion":"${apiVersion}","metadata":${encodeJson(metadata)},"items":[`;
      return { start, item: (cached) => partialText(cached.object, view.representation.version), end: ']}' };
    }
    case 'Object': {
      const apiVersion = group ? `${group}/${version}` : version;
      const start = `{"kind":"${kind}List","apiVersion":"${apiVersion}","metadata":${encodeJson(metadata)},"items":[`;
      return { start, item: (cached) => untyped(cached.json(), apiVersion, kind), end: ']}' };
    }
  }
}

/** What stands in a list has no kind of its own: the list says it. */
function untyped(json: string, apiVersion: string, kind: string): string {
  for (const typed of [`{"kind":"${kind}","apiVersion":"${apiVersion}",`, `{"apiVersion":"${apiVersion}","kind":"${kind}",`]) {
    if (json.startsWith(typed)) return `{${json.slice(typed.length)}`;
  }
  return json;
}

function partialText(object: KubeObject, version: string): string {
  return encodeJson({ kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata });
}

const tableEnd = ']}';

function tableStart({ definition, representation }: View, metadata: ListMeta, columns = true): string {
  const columnDefinitions = columns
    ? definition.columns.map(({ name, type, format = '', description, priority = 0 }) => ({ name, type, format, description, priority }))
    : null;
  const apiVersion = `meta.k8s.io/${representation.version}`;
  return `{"kind":"Table","apiVersion":"${apiVersion}","metadata":${encodeJson(metadata)},"columnDefinitions":${encodeJson(columnDefinitions)},"rows":[`;
}

function rowText(view: View, cached: CachedObject): string {
  const cells = view.definition.columns.map((column) => column.value(cached.object, view.nowMs) ?? null);
  return `{"cells":${encodeJson(cells)},"object":${rowObject(view, cached)}}`;
}

function rowObject({ includeObject, representation }: View, cached: CachedObject): string {
  if (includeObject === 'Object') return cached.json();
  return includeObject === 'None' ? 'null' : partialText(cached.object, representation.version);
}
