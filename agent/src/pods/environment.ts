import type { Container, EnvVarSource } from '@flotilla/shared/api/generated/types.js';
import { type FieldContext, fieldValue, resourceValue } from '#volumes/field-ref.ts';
import type { ObjectLookup } from '#volumes/payloads.ts';
import { expand } from './expansion.ts';
import { findContainer } from './pod-rules.ts';

/** The pod's configuration does not allow the container to be made: waiting reason CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ContainerConfigError';
  }
}

/** Any printable ASCII but `=` (Kubernetes 1.34, relaxed environment variable names). */
const usableName = /^[\x20-\x3c\x3e-\x7e]+$/;

/**
 * The environment of a container: what every pod is told, envFrom, then env, which may refer to what came before.
 * @throws ContainerConfigError in the kubelet's words for what is missing and not optional
 */
export function buildEnvironment(
  container: Container,
  context: FieldContext,
  objects: ObjectLookup,
  told: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const env: Record<string, string> = Object.assign(Object.create(null) as Record<string, string>, told);
  const namespace = context.pod.metadata?.namespace ?? '';
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const values = configMapRef
      ? sourceData(objects, namespace, 'configmap', configMapRef.name ?? '', configMapRef.optional)
      : secretRef
        ? sourceData(objects, namespace, 'secret', secretRef.name ?? '', secretRef.optional)
        : undefined;
    for (const [key, value] of values ?? []) if (usableName.test(prefix + key)) env[prefix + key] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = valueFrom ? sourceValue(valueFrom, container, context, objects) : expand(value ?? '', (other) => env[other]);
    if (found !== undefined) env[name] = found;
  }
  return { ...env };
}

function sourceValue(source: EnvVarSource, container: Container, context: FieldContext, objects: ObjectLookup): string | undefined {
  const namespace = context.pod.metadata?.namespace ?? '';
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = source;
  if (configMapKeyRef) {
    const { name = '', key, optional } = configMapKeyRef;
    return keyed(sourceData(objects, namespace, 'configmap', name, optional), key, optional, `ConfigMap ${namespace}/${name}`);
  }
  if (secretKeyRef) {
    const { name = '', key, optional } = secretKeyRef;
    return keyed(sourceData(objects, namespace, 'secret', name, optional), key, optional, `Secret ${namespace}/${name}`);
  }
  try {
    if (fieldRef) return fieldValue(fieldRef, context);
    if (resourceFieldRef) {
      const named = resourceFieldRef.containerName ? findContainer(context.pod, resourceFieldRef.containerName) : container;
      return resourceValue(resourceFieldRef, named ?? container, context.allocatable);
    }
  } catch (error) {
    throw new ContainerConfigError(error instanceof Error ? error.message : String(error));
  }
  return '';
}

function keyed(
  values: ReadonlyMap<string, string> | undefined,
  key: string,
  optional: boolean | undefined,
  where: string,
): string | undefined {
  const value = values?.get(key);
  if (value === undefined && !optional) throw new ContainerConfigError(`couldn't find key ${key} in ${where}`);
  return value;
}

function sourceData(
  objects: ObjectLookup,
  namespace: string,
  kind: 'configmap' | 'secret',
  name: string,
  optional: boolean | undefined,
): ReadonlyMap<string, string> | undefined {
  const found = kind === 'configmap' ? objects.configMap(namespace, name) : objects.secret(namespace, name);
  if (!found) {
    if (optional) return undefined;
    throw new ContainerConfigError(`${kind} ${JSON.stringify(name)} not found`);
  }
  const decode = (text: string): string => (kind === 'secret' ? Buffer.from(text, 'base64').toString('utf8') : text);
  return new Map(Object.entries(found.data ?? {}).map(([key, text]) => [key, decode(text)]));
}
