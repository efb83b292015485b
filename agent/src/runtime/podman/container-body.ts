import { type ContainerSpec, podLabels, type SandboxState } from '../types.ts';
import { containerName, podmanLabels } from './pod-names.ts';

export interface ContainerPlace {
  readonly owner: string;
  readonly logPath: string;
  readonly logMaxBytes: number;
  /** The pod's hosts file; undefined leaves the image's, or the host's, in place. */
  readonly hostsPath: string | undefined;
  /** Of `pid` and `ipc`, those of the host that the pod uses. */
  readonly hostNamespaces: readonly string[];
  /** What this host can enforce. */
  readonly limits: { readonly memory: boolean; readonly swap: boolean; readonly cpu: boolean };
  /** The process whose namespace of processes it joins. */
  readonly targetPid?: number | undefined;
  /** The USER of the image; needed only when a group is asked for and no user. */
  readonly imageUser: string;
}

/** Read by what starts conmon, see conmonWrapper. */
export const keepStdin = 'io.flotilla.keep-stdin';
const cpuPeriodUs = 100_000;

/** What `POST /libpod/containers/create` takes (podman's SpecGenerator). */
export function containerBody(sandbox: SandboxState, spec: ContainerSpec, place: ContainerPlace): Record<string, unknown> {
  const body: Record<string, unknown> = {
    name: containerName(sandbox, spec.name, spec.attempt),
    pod: sandbox.id,
    image: spec.image,
    image_pull_policy: 'never',
    labels: {
      [podLabels.namespace]: sandbox.namespace,
      [podLabels.name]: sandbox.name,
      [podLabels.uid]: sandbox.uid,
      [podLabels.container]: spec.name,
      [podLabels.attempt]: String(spec.attempt),
      [podLabels.hash]: spec.hash,
      [podmanLabels.owner]: place.owner,
      [podmanLabels.image]: spec.image,
    },
    env: spec.env,
    mounts: mounts(spec, place),
    use_image_hosts: true,
    // Restarts, health and how long a stop may take are decided by the pod workers, not by podman.
    restart_policy: 'no',
    healthconfig: { Test: ['NONE'] },
    systemd: 'false',
    stop_timeout: 2,
    log_configuration: { driver: 'k8s-file', path: place.logPath, size: place.logMaxBytes },
    terminal: spec.tty,
    stdin: spec.stdin,
    annotations: spec.stdin && spec.stdinOnce !== true ? { [keepStdin]: 'true' } : {},
    privileged: spec.privileged,
    no_new_privileges: !spec.allowPrivilegeEscalation,
    read_only_filesystem: spec.readOnlyRootFilesystem,
    resource_limits: limits(spec, place),
  };
  if (spec.command !== undefined && spec.command.length > 0) body['entrypoint'] = spec.command;
  if (spec.args !== undefined && spec.args.length > 0) body['command'] = spec.args;
  if (spec.workingDir) {
    body['work_dir'] = spec.workingDir;
    body['create_working_dir'] = true;
  }
  const user = userOf(spec, place.imageUser);
  if (user !== undefined) body['user'] = user;
  if (spec.supplementalGroups.length > 0) body['groups'] = spec.supplementalGroups.map(String);
  if (spec.capabilitiesAdd.length > 0) body['cap_add'] = spec.capabilitiesAdd.map(capability);
  if (spec.capabilitiesDrop.length > 0) body['cap_drop'] = spec.capabilitiesDrop.map(capability);
  // By the process and not by the container: podman would not let that one be removed before this one.
  if (place.targetPid !== undefined) body['pidns'] = { nsmode: 'path', value: `/proc/${place.targetPid}/ns/pid` };
  for (const name of place.hostNamespaces) body[`${name}ns`] = { nsmode: 'host' };
  return body;
}

function mounts(spec: ContainerSpec, place: ContainerPlace): unknown[] {
  const all = spec.mounts.map((mount) => ({
    type: 'bind',
    source: mount.hostPath,
    destination: mount.containerPath,
    options: [
      'rbind',
      mount.readOnly ? 'ro' : 'rw',
      mount.propagation === undefined || mount.propagation === 'private' ? 'rprivate' : mount.propagation,
    ],
  }));
  if (place.hostsPath !== undefined && !spec.mounts.some((mount) => mount.containerPath === '/etc/hosts')) {
    all.push({ type: 'bind', source: place.hostsPath, destination: '/etc/hosts', options: ['rbind', 'rw', 'rprivate'] });
  }
  return all;
}

function limits(spec: ContainerSpec, place: ContainerPlace): Record<string, unknown> {
  const { memoryLimitBytes: memory, cpuLimitMillis, cpuRequestMillis } = spec;
  const limited: Record<string, unknown> = {};
  // No swap for a container with a limit, as the kubelet has it.
  if (memory !== undefined && place.limits.memory) limited['memory'] = { limit: memory, ...(place.limits.swap ? { swap: memory } : {}) };
  if (place.limits.cpu) {
    limited['cpu'] = {
      // The formulas of the kubelet: helpers_linux.go.
      shares: Math.max(2, Math.floor(((cpuRequestMillis ?? cpuLimitMillis ?? 0) * 1024) / 1000)),
      ...(cpuLimitMillis === undefined ? {} : { period: cpuPeriodUs, quota: Math.max(1000, (cpuLimitMillis * cpuPeriodUs) / 1000) }),
    };
  }
  return limited;
}

function userOf(spec: ContainerSpec, imageUser: string): string | undefined {
  if (spec.runAsGroup === undefined) return spec.runAsUser === undefined ? undefined : String(spec.runAsUser);
  return `${spec.runAsUser ?? (imageUser.split(':')[0] || '0')}:${spec.runAsGroup}`;
}

/** Kubernetes leaves the prefix out, podman takes both; `ALL` has none. */
function capability(name: string): string {
  return name.toUpperCase() === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`;
}
