import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import type { Payload, PayloadFile } from './atomic-writer.ts';
import { type FieldContext, fieldValue, resourceValue } from './field-ref.ts';

export interface ObjectLookup {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
}

interface KeyedSource {
  readonly name: string;
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean | undefined;
}

const defaultMode = 0o644;

/** The files of a ConfigMap in a volume. @throws Error in the kubelet's words when the object or a key is missing and not optional */
export function configMapPayload(lookup: ObjectLookup, namespace: string, source: KeyedSource, mode = defaultMode): Payload {
  const object = lookup.configMap(namespace, source.name);
  if (!object && !source.optional) throw new Error(`configmap ${JSON.stringify(source.name)} not found`);
  const keys = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(object?.data ?? {})) keys.set(key, Buffer.from(text, 'utf8'));
  for (const [key, text] of Object.entries(object?.binaryData ?? {})) keys.set(key, Buffer.from(text, 'base64'));
  return pick(keys, source, mode, 'config');
}

/** The files of a Secret in a volume. @throws Error as for a ConfigMap */
export function secretPayload(lookup: ObjectLookup, namespace: string, source: KeyedSource, mode = defaultMode): Payload {
  const object = lookup.secret(namespace, source.name);
  if (!object && !source.optional) throw new Error(`secret ${JSON.stringify(source.name)} not found`);
  const keys = new Map(Object.entries(object?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
  return pick(keys, source, mode, 'secret');
}

/** Whether a volume can be made of this ConfigMap or Secret. */
export function hasKeys(
  object: ConfigMap | Secret | undefined,
  { items, optional }: { readonly items?: readonly KeyToPath[]; readonly optional?: boolean },
): boolean {
  if (optional) return true;
  if (!object) return false;
  const { data = {}, binaryData = {} } = object as ConfigMap;
  return (items ?? []).every(({ key }) => key in data || key in binaryData);
}

function pick(keys: ReadonlyMap<string, Buffer>, { items, optional }: KeyedSource, mode: number, what: 'config' | 'secret'): Payload {
  if (!items?.length) return new Map([...keys].map(([key, data]) => [key, { data, mode }]));
  const payload = new Map<string, PayloadFile>();
  for (const item of items) {
    const data = keys.get(item.key);
    if (data) payload.set(item.path, { data, mode: item.mode ?? mode });
    else if (!optional) throw new Error(`references non-existent ${what} key: ${item.key}`);
  }
  return payload;
}

export function downwardPayload(files: readonly DownwardAPIVolumeFile[], context: FieldContext, mode = defaultMode): Payload {
  return new Map(
    files.map((file) => [file.path, { data: Buffer.from(downwardValue(file, context), 'utf8'), mode: file.mode ?? mode }] as const),
  );
}

function downwardValue({ fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, context: FieldContext): string {
  if (fieldRef) return fieldValue(fieldRef, context);
  if (!resourceFieldRef) return '';
  return resourceValue(resourceFieldRef, containerNamed(context.pod, resourceFieldRef.containerName ?? ''), context.allocatable);
}

function containerNamed(pod: Pod, name: string): NonNullable<Pod['spec']>['containers'][number] {
  const found = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((container) => container.name === name);
  if (!found) throw new Error(`container ${name} not found`);
  return found;
}
