import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, required } from '@flotilla/shared/errors/field.js';
import { localPath, noBacksteps, validateFieldRef, validateResourceFieldRef, volumeFields } from './env.ts';
import { each, oneOf, requiredName } from './fields.ts';
import { dnsLabel } from './names.ts';
import { isFault, readQuantity } from './resources.ts';

const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];
const modeWords = 'must be a number between 0 and 0777 (octal), both inclusive';
const shortestTokenSeconds = 600;
const longestTokenSeconds = 2 ** 32;

export function validateVolumes(volumes: readonly Volume[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return each(path, volumes, (volume, at) => {
    const faults = [...validateSource(volume, at), ...requiredName(`${at}.name`, volume.name, dnsLabel)];
    if (names.has(volume.name)) faults.push(duplicate(`${at}.name`, volume.name));
    if (faults.length === 0) names.add(volume.name);
    return faults;
  });
}

/** The sources whose own fields have rules here; of the others the API only says that there is no more than one. */
const rules: { readonly [Kind in keyof Volume]?: (source: NonNullable<Volume[Kind]>, path: string) => FieldError[] } = {
  emptyDir: ({ sizeLimit }, path) => {
    if (sizeLimit === undefined) return [];
    const amount = readQuantity(`${path}.sizeLimit`, sizeLimit);
    if (isFault(amount)) return [amount];
    return amount.nano < 0n ? [forbiddenField(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')] : [];
  },
  hostPath: (source, path) => {
    if (!source.path) return [required(`${path}.path`)];
    return [...noBacksteps(`${path}.path`, source.path), ...oneOf(`${path}.type`, source.type, hostPathTypes)];
  },
  secret: ({ secretName, defaultMode, items }, path) => [
    ...(secretName ? [] : [required(`${path}.secretName`)]),
    ...validateMode(`${path}.defaultMode`, defaultMode),
    ...each(`${path}.items`, items, validateKeyToPath),
  ],
  configMap: ({ name, defaultMode, items }, path) => [
    ...(name ? [] : [required(`${path}.name`)]),
    ...validateMode(`${path}.defaultMode`, defaultMode),
    ...each(`${path}.items`, items, validateKeyToPath),
  ],
  downwardAPI: ({ defaultMode, items }, path) => [
    ...validateMode(`${path}.defaultMode`, defaultMode),
    ...each(path, items, (file) => validateDownwardFile(file, path)),
  ],
  projected: validateProjected,
  persistentVolumeClaim: ({ claimName }, path) => (claimName ? [] : [required(`${path}.claimName`)]),
  nfs: ({ server, path: exported }, path) => [
    ...(server ? [] : [required(`${path}.server`)]),
    ...(exported ? [] : [required(`${path}.path`)]),
    ...(exported && !exported.startsWith('/') ? [invalid(`${path}.path`, exported, 'must be an absolute path')] : []),
  ],
  image: ({ reference }, path) => (reference ? [] : [required(`${path}.reference`)]),
};

function validateSource(volume: Volume, path: string): FieldError[] {
  const faults: FieldError[] = [];
  let sources = 0;
  for (const kind of Object.keys(volume) as (keyof Volume)[]) {
    const source = volume[kind];
    if (kind === 'name' || source === undefined || source === null) continue;
    if (++sources > 1) faults.push(forbiddenField(`${path}.${kind}`, 'may not specify more than 1 volume type'));
    else
      faults.push(...((rules[kind] as ((source: unknown, path: string) => FieldError[]) | undefined)?.(source, `${path}.${kind}`) ?? []));
  }
  if (sources === 0) faults.push(required(path, 'must specify a volume type'));
  return faults;
}

function validateMode(path: string, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, modeWords)] : [];
}

function validateKeyToPath({ key, path: file, mode }: KeyToPath, path: string): FieldError[] {
  return [
    ...(key ? [] : [required(`${path}.key`)]),
    ...(file ? localPath(`${path}.path`, file) : [required(`${path}.path`)]),
    ...validateMode(`${path}.mode`, mode),
  ];
}

function validateDownwardFile({ path: file, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile, path: string): FieldError[] {
  const faults = file ? localPath(`${path}.path`, file) : [required(`${path}.path`)];
  if (fieldRef) {
    faults.push(...validateFieldRef(fieldRef, volumeFields, `${path}.fieldRef`));
    if (resourceFieldRef) faults.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef) faults.push(...validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, true));
  else faults.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  faults.push(...validateMode(`${path}.mode`, mode));
  return faults;
}

function validateProjected({ defaultMode, sources }: ProjectedVolumeSource, path: string): FieldError[] {
  const taken = new Set<string>();
  const claim = (file: string | undefined, shown: unknown): FieldError[] => {
    if (!file) return [];
    if (taken.has(file)) return [invalid(path, shown, 'conflicting duplicate paths')];
    taken.add(file);
    return [];
  };
  return [
    ...validateMode(`${path}.defaultMode`, defaultMode),
    ...each(`${path}.sources`, sources, (source, at) => validateProjection(source, at, claim)),
  ];
}

type Claim = (file: string | undefined, shown: unknown) => FieldError[];

function validateProjection(source: VolumeProjection, path: string, claim: Claim): FieldError[] {
  const faults: FieldError[] = [];
  for (const kind of ['secret', 'configMap'] as const) {
    const projected = source[kind];
    if (!projected) continue;
    if (!projected.name) faults.push(required(`${path}.${kind}.name`));
    const items = each(`${path}.${kind}.items`, projected.items, (item, at) => [
      ...validateKeyToPath(item, at),
      ...claim(item.path, projected.name),
    ]);
    faults.push(...items);
  }
  for (const file of source.downwardAPI?.items ?? []) {
    faults.push(...validateDownwardFile(file, `${path}.downwardAPI`), ...claim(file.path, file.path));
  }
  const token = source.serviceAccountToken;
  if (token) {
    const at = `${path}.serviceAccountToken`;
    const seconds = token.expirationSeconds;
    if (seconds !== undefined && seconds < shortestTokenSeconds) {
      faults.push(invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'));
    }
    if (seconds !== undefined && seconds > longestTokenSeconds) {
      faults.push(invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'));
    }
    // Without a path the fault is told of the volume, as in Kubernetes.
    faults.push(
      ...(token.path ? localPath(`${at}.path`, token.path) : [required(`${path.replace(/\.sources\[\d+\]$/, '')}.path`)]),
      ...claim(token.path, token.path),
    );
  }
  if (Object.values(source).filter(Boolean).length > 1)
    faults.push(forbiddenField(path, 'may not specify more than 1 volume type per source'));
  return faults;
}
