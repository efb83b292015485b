import type { Container, Volume, VolumeMount } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, notFoundField, notSupported, required } from '@flotilla/shared/errors/field.js';
import { descendingPath, noBacksteps } from './env.ts';
import { each, oneOf } from './fields.ts';

const propagations = ['Bidirectional', 'HostToContainer', 'None'];
const recursions = ['Disabled', 'Enabled', 'IfPossible'];

/** `volumeMounts` and `volumeDevices` of a container against the volumes of its pod. */
export function validateMounts(container: Container, volumes: readonly Volume[], path: string): FieldError[] {
  const devices = container.volumeDevices ?? [];
  const places = new Set<string>();
  const faults = each(`${path}.volumeMounts`, container.volumeMounts, (mount, at) => {
    const found = validateMount(mount, container, at, `${path}.volumeMounts`);
    if (!volumes.some(({ name }) => name === mount.name)) found.unshift(notFoundField(`${at}.name`, mount.name ?? ''));
    if (!mount.name) found.unshift(required(`${at}.name`));
    if (places.has(mount.mountPath)) found.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    places.add(mount.mountPath);
    if (devices.some(({ name }) => name === mount.name))
      found.push(invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices'));
    if (devices.some(({ devicePath }) => devicePath === mount.mountPath)) {
      found.push(invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'));
    }
    return found;
  });
  return [...faults, ...validateDevices(container, volumes, `${path}.volumeDevices`)];
}

function validateMount(mount: VolumeMount, container: Container, at: string, list: string): FieldError[] {
  const { mountPath, subPath, subPathExpr, mountPropagation, recursiveReadOnly, readOnly } = mount;
  const faults: FieldError[] = [];
  if (!mountPath) faults.push(required(`${at}.mountPath`));
  // As in Kubernetes, these paths name the list and not the element.
  if (subPath) faults.push(...descendingPath(`${list}.subPath`, subPath));
  if (subPathExpr) {
    if (subPath) faults.push(invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    faults.push(...descendingPath(`${list}.subPathExpr`, subPathExpr));
  }
  faults.push(...oneOf(`${list}.mountPropagation`, mountPropagation, propagations));
  if (mountPropagation === 'Bidirectional' && !container.securityContext?.privileged) {
    faults.push(forbiddenField(`${list}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'));
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return faults;
  const where = `${list}.recursiveReadOnly`;
  if (!recursions.includes(recursiveReadOnly)) return [...faults, notSupported(where, recursiveReadOnly, recursions)];
  if (!readOnly) faults.push(forbiddenField(where, 'may only be specified when readOnly is true'));
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    faults.push(forbiddenField(where, 'may only be specified when mountPropagation is None or not specified'));
  }
  return faults;
}

function validateDevices({ volumeDevices, volumeMounts = [] }: Container, volumes: readonly Volume[], path: string): FieldError[] {
  const [names, places] = [new Set<string>(), new Set<string>()];
  return each(path, volumeDevices, ({ name, devicePath }, at) => {
    const faults: FieldError[] = [];
    const volume = volumes.find((candidate) => candidate.name === name);
    if (!name) faults.push(required(`${at}.name`));
    if (names.has(name)) faults.push(invalid(`${at}.name`, name, 'must be unique'));
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral) {
      faults.push(invalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'));
    }
    if (!volume) faults.push(notFoundField(`${at}.name`, name ?? ''));
    if (!devicePath) faults.push(required(`${at}.devicePath`));
    if (places.has(devicePath)) faults.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath && noBacksteps(`${at}.devicePath`, devicePath).length > 0) {
      faults.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    }
    if (volumeMounts.some((mount) => mount.name === name))
      faults.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    names.add(name);
    places.add(devicePath);
    return faults;
  });
}
