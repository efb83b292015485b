import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { canonicalQuantity } from '@flotilla/shared/quantity/quantity.js';
import { each, named, requiredName } from './fields.ts';
import { configMapKey, dnsLabel, dnsSubdomain, envVarName, qualifiedName, subdomainName } from './names.ts';
import { isFault, readQuantity } from './resources.ts';

const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
/** What a downward API file may show. */
export const volumeFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];
const known = new Set([...envFields, ...volumeFields, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase']);
const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateEnv(env: readonly EnvVar[] | undefined, path: string): FieldError[] {
  return each(path, env, (variable, at) => [
    ...requiredName(`${at}.name`, variable.name, envVarName),
    ...(variable.valueFrom ? validateValueFrom(variable.valueFrom, variable.value ?? '', `${at}.valueFrom`) : []),
  ]);
}

function validateValueFrom(from: EnvVarSource, value: string, path: string): FieldError[] {
  const faults: FieldError[] = [];
  let sources = 0;
  if (from.fieldRef) {
    sources++;
    faults.push(...validateFieldRef(from.fieldRef, envFields, `${path}.fieldRef`));
  }
  if (from.resourceFieldRef) {
    sources++;
    faults.push(...validateResourceFieldRef(from.resourceFieldRef, `${path}.resourceFieldRef`, false));
  }
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = from[kind];
    if (!reference) continue;
    sources++;
    faults.push(...named(`${path}.${kind}.name`, reference.name ?? '', dnsSubdomain));
    faults.push(...requiredName(`${path}.${kind}.key`, reference.key, configMapKey));
  }
  if (from.fileKeyRef) {
    sources++;
    faults.push(...requiredName(`${path}.fileKeyRef.key`, from.fileKeyRef.key, envVarName));
    faults.push(...requiredName(`${path}.fileKeyRef.volumeName`, from.fileKeyRef.volumeName, dnsLabel));
    faults.push(
      ...(from.fileKeyRef.path ? noBacksteps(`${path}.fileKeyRef.path`, from.fileKeyRef.path) : [required(`${path}.fileKeyRef.path`)]),
    );
  }
  if (sources === 0)
    faults.push(invalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'));
  else if (value !== '') faults.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) faults.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return faults;
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string): FieldError[] {
  return each(path, sources, ({ prefix, configMapRef, secretRef }, at) => {
    const faults = prefix ? named(`${at}.prefix`, prefix, envVarName) : [];
    const prefixed = (name: string): string[] => subdomainName(name, true);
    if (configMapRef) faults.push(...requiredName(`${at}.configMapRef.name`, configMapRef.name, prefixed));
    if (secretRef) faults.push(...requiredName(`${at}.secretRef.name`, secretRef.name, prefixed));
    if (!configMapRef && !secretRef) faults.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (configMapRef && secretRef) faults.push(invalid(path, '', 'may not have more than one field specified at a time'));
    return faults;
  });
}

/** A field of the pod shown inside it; `supported` are the paths without a subscript. */
export function validateFieldRef({ apiVersion, fieldPath }: ObjectFieldSelector, supported: readonly string[], path: string): FieldError[] {
  if (!apiVersion) return [required(`${path}.apiVersion`)];
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  const subscripted = /^(.*)\['(.*)'\]$/s.exec(fieldPath);
  const field = subscripted?.[1] ?? fieldPath;
  if (apiVersion !== 'v1') return [conversionFault(path, fieldPath, `unsupported pod version: ${apiVersion}`)];
  if (!subscripted && !known.has(field)) return [conversionFault(path, fieldPath, `field label not supported: ${field}`)];
  if (!subscripted) return supported.includes(field) ? [] : [notSupported(`${path}.fieldPath`, field, supported)];
  const subscript = subscripted[2] ?? '';
  if (field === 'metadata.annotations') return named(path, subscript.toLowerCase(), qualifiedName);
  if (field === 'metadata.labels') return named(path, subscript, qualifiedName);
  return [conversionFault(path, fieldPath, `field label does not support subscript: ${fieldPath}`)];
}

function conversionFault(path: string, fieldPath: string, why: string): FieldError {
  return invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
}

/** A resource of a container shown in an environment variable or, with `inVolume`, in a file. */
export function validateResourceFieldRef(reference: ResourceFieldSelector, path: string, inVolume: boolean): FieldError[] {
  const { containerName, resource, divisor } = reference;
  if (inVolume && !containerName) return [required(`${path}.containerName`)];
  if (!resource) return [required(`${path}.resource`)];
  const isHugePages = resource.startsWith('requests.hugepages-') || resource.startsWith('limits.hugepages-');
  if (!resourceFields.includes(resource) && !isHugePages) return [notSupported(`${path}.resource`, resource, resourceFields)];
  if (divisor === undefined) return [];
  const amount = readQuantity(`${path}.divisor`, divisor);
  if (isFault(amount)) return [amount];
  if (amount.nano === 0n) return [];
  const [supported, what] = resource.endsWith('.cpu')
    ? [['1m', '1'], 'cpu']
    : [byteDivisors, isHugePages ? 'hugepages' : resource.endsWith('.memory') ? 'memory' : 'local ephemeral storage'];
  if (supported.includes(canonicalQuantity(divisor))) return [];
  const values = what === 'cpu' ? '1m and 1' : byteDivisors.join(', ');
  return [invalid(`${path}.divisor`, resource, `only divisor's values ${values} are supported with the ${what} resource`)];
}

/** A path without `..` among its parts. */
export function noBacksteps(path: string, value: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

/** A relative path that stays inside where it starts. */
export function descendingPath(path: string, value: string): FieldError[] {
  return [...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []), ...noBacksteps(path, value)];
}

/** As `descendingPath`, and not one of the names the volume writer keeps for itself. */
export function localPath(path: string, value: string): FieldError[] {
  const reserved = value.startsWith('..') && !value.startsWith('../') && value !== '..';
  return [...descendingPath(path, value), ...(reserved ? [invalid(path, value, "must not start with '..'")] : [])];
}
