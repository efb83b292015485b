import { posix } from 'node:path';
import type { Container, Pod, VolumeMount } from '@flotilla/shared/api/generated/types.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { milliValue, value } from '@flotilla/shared/quantity/quantity.js';
import type { ApiPlace } from '#network/api-door.ts';
import type { ContainerSpec, Mount, SandboxSpec } from '#runtime/types.ts';
import { ContainerConfigError } from './environment.ts';
import { expand } from './expansion.ts';
import { containerHash } from './pod-rules.ts';

/** `name_namespace(uid)`, as the kubelet names pods in messages. */
export function podTitle(pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  return `${name}_${namespace}(${uid})`;
}

/** @param api where this pod finds the API */
export function buildSandboxSpec(pod: Pod, api?: ApiPlace): SandboxSpec {
  const { metadata, spec } = pod;
  const hostNetwork = spec?.hostNetwork === true;
  const containers = [
    ...(spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always'),
    ...(spec?.containers ?? []),
  ];
  const ports = containers.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort && !hostNetwork)
      .map(({ containerPort, hostPort = 0, protocol, hostIP }) => ({
        containerPort,
        hostPort,
        protocol: protocol === 'UDP' ? ('UDP' as const) : ('TCP' as const),
        ...(hostIP ? { hostIP } : {}),
      })),
  );
  const dns = spec?.dnsConfig;
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    hostname: (spec?.hostname || metadata?.name || '').slice(0, 63).replace(/[-.]+$/, ''),
    labels: {},
    hostNetwork,
    hostPid: spec?.hostPID === true,
    hostIpc: spec?.hostIPC === true,
    sharePid: spec?.shareProcessNamespace === true,
    ip: undefined,
    ports,
    hostAliases: [
      ...(api ? [{ ip: api.address, hostnames: [api.host] }] : []),
      ...(spec?.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, hostnames })),
    ],
    dns: dns && {
      servers: dns.nameservers ?? [],
      searches: dns.searches ?? [],
      options: (dns.options ?? []).map((option) => (option.value === undefined ? (option.name ?? '') : `${option.name}:${option.value}`)),
    },
    sysctls: Object.fromEntries((spec?.securityContext?.sysctls ?? []).map(({ name, value: setting }) => [name, setting])),
  };
}

export interface ContainerSpecInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly image: { readonly id: string; readonly user: string };
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
}

/** @throws ContainerConfigError when the security context forbids what the image wants */
export function buildContainerSpec({ pod, container, attempt, image, env, mounts }: ContainerSpecInput): ContainerSpec {
  const shared = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  if (own.runAsNonRoot ?? shared.runAsNonRoot) checkNonRoot(pod, container, runAsUser, image.user);
  const { limits = {}, requests = {} } = container.resources ?? {};
  const lookup = (name: string): string | undefined => env[name];
  const amount = <Result>(text: string | undefined, read: (text: string) => Result): Result | undefined =>
    text === undefined ? undefined : read(text);
  return {
    name: container.name,
    attempt,
    hash: containerHash(container),
    image: image.id,
    command: container.command?.length ? container.command.map((part) => expand(part, lookup)) : undefined,
    args: container.args?.length ? container.args.map((part) => expand(part, lookup)) : undefined,
    env,
    workingDir: container.workingDir,
    mounts,
    cpuLimitMillis: amount(limits['cpu'], milliValue),
    cpuRequestMillis: amount(requests['cpu'] ?? limits['cpu'], milliValue),
    memoryLimitBytes: amount(limits['memory'], value),
    tty: container.tty === true,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    runAsUser,
    runAsGroup: own.runAsGroup ?? shared.runAsGroup,
    supplementalGroups: [...(shared.supplementalGroups ?? []), ...(shared.fsGroup === undefined ? [] : [shared.fsGroup])],
    readOnlyRootFilesystem: own.readOnlyRootFilesystem === true,
    privileged: own.privileged === true,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? true,
    capabilitiesAdd: own.capabilities?.add ?? [],
    capabilitiesDrop: own.capabilities?.drop ?? [],
    // The agent mounts a file of its own there, see mounts.
    terminationMessagePath: undefined,
  };
}

function checkNonRoot(pod: Pod, container: Container, runAsUser: number | undefined, imageUser: string): void {
  const where = `(pod: ${JSON.stringify(podTitle(pod))}, container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  const user = imageUser.split(':')[0] ?? '';
  if (user === '' || /^0+$/.test(user)) throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  if (!/^\d+$/.test(user)) {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${where}`,
    );
  }
}

export interface MountsInput {
  readonly files: Files;
  readonly container: Container;
  readonly volumes: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string>>;
}

/** The bind mounts of a container's volumes; makes the directories that a subPath names. @throws ContainerConfigError */
export async function buildMounts({ files, container, volumes, env }: MountsInput): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (volume === undefined)
      throw new ContainerConfigError(
        `cannot find volume ${JSON.stringify(mount.name)} to mount into container ${JSON.stringify(container.name)}`,
      );
    const hostPath = await subPathOf(files, volume, mount, container, env);
    const propagation = { HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;
    const wanted = propagation[mount.mountPropagation as keyof typeof propagation];
    mounts.push({
      hostPath,
      containerPath: posix.resolve('/', mount.mountPath),
      readOnly: mount.readOnly === true,
      ...(wanted ? { propagation: wanted } : {}),
    });
  }
  return mounts;
}

async function subPathOf(
  files: Files,
  volume: string,
  mount: VolumeMount,
  container: Container,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => env[name]) : mount.subPath;
  if (!subPath) return volume;
  const refuse = (): never => {
    throw new ContainerConfigError(
      `failed to prepare subPath for volumeMount ${JSON.stringify(mount.name)} of container ${JSON.stringify(container.name)}`,
    );
  };
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) return refuse();
  const path = `${volume}/${subPath}`;
  if (!(await files.stat(path))) await files.mkdir(path, { mode: 0o750 });
  // What a container put there must not lead out of the volume; the real path is what gets mounted.
  const [real, root] = [await files.realPath(path), await files.realPath(volume)];
  if (real === undefined || root === undefined || (real !== root && !real.startsWith(`${root}/`))) return refuse();
  return real;
}
