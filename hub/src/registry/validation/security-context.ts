import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, invalid, required } from '@flotilla/shared/errors/field.js';
import { descendingPath } from './env.ts';
import { each, oneOf } from './fields.ts';
import { userId } from './names.ts';

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlPattern = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlMaxLength = 253;

/** `securityContext` of a container. */
export function validateSecurityContext(context: SecurityContext | undefined, hostUsers: boolean, path: string): FieldError[] {
  if (!context) return [];
  const faults = [...validateId(`${path}.runAsUser`, context.runAsUser), ...validateId(`${path}.runAsGroup`, context.runAsGroup)];
  if (context.procMount !== undefined) {
    faults.push(...oneOf(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']));
    if (hostUsers && context.procMount === 'Unmasked') {
      faults.push(invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'));
    }
  }
  faults.push(...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) faults.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      faults.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'));
    }
  }
  faults.push(...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`));
  return faults;
}

/** `spec.securityContext` of a pod. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context = spec.securityContext;
  if (!context) return [];
  const faults: FieldError[] = [];
  for (const field of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) faults.push(...validateId(`${path}.${field}`, context[field]));
  faults.push(...each(`${path}.supplementalGroups`, context.supplementalGroups, (group, at) => validateId(at, group)));
  if (spec.shareProcessNamespace && spec.hostPID) {
    faults.push(invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  }
  faults.push(...validateSysctls(spec, `${path}.sysctls`));
  faults.push(...oneOf(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']));
  faults.push(...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  faults.push(...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`));
  faults.push(...oneOf(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']));
  faults.push(...oneOf(`${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive']));
  return faults;
}

function validateId(path: string, id: number | undefined): FieldError[] {
  return id === undefined ? [] : userId(id).map((why) => invalid(path, id, why));
}

function validateSysctls(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return each(path, spec.securityContext?.sysctls, ({ name }, at) => {
    const faults: FieldError[] = [];
    if (!name) faults.push(required(`${at}.name`));
    else if (name.length > sysctlMaxLength || !new RegExp(sysctlPattern).test(name)) {
      faults.push(invalid(`${at}.name`, name, `must have at most ${sysctlMaxLength} characters and match regex ${sysctlPattern}`));
    } else if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (spec.hostNetwork && name?.startsWith('net.'))
      faults.push(invalid(`${at}.name`, name, "may not be specified when 'hostNetwork' is true"));
    const ipc = name?.startsWith('kernel.shm') || name?.startsWith('kernel.msg') || name === 'kernel.sem' || name?.startsWith('fs.mqueue.');
    if (spec.hostIPC && ipc) faults.push(invalid(`${at}.name`, name, "may not be specified when 'hostIPC' is true"));
    return faults;
  });
}

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const faults = profile.type
    ? oneOf(`${path}.type`, profile.type, profileTypes)
    : [required(`${path}.type`, 'type is required when seccompProfile is set')];
  const { localhostProfile } = profile;
  if (profile.type !== 'Localhost') {
    if (localhostProfile !== undefined)
      faults.push(invalid(`${path}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost'));
  } else if (localhostProfile === undefined) {
    faults.push(required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost'));
  } else faults.push(...descendingPath(`${path}.localhostProfile`, localhostProfile));
  return faults;
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const faults = profile.type
    ? oneOf(`${path}.type`, profile.type, profileTypes)
    : [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  const { localhostProfile } = profile;
  if (profile.type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      faults.push(invalid(`${path}.localhostProfile`, localhostProfile, 'can only be set when AppArmor type is Localhost'));
    }
  } else if (!localhostProfile?.trim()) {
    faults.push(required(`${path}.localhostProfile`, 'must be set when AppArmor type is Localhost'));
  }
  return faults;
}
