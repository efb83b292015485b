import type { Listeners } from '@flotilla/shared/platform/listeners.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';

/**
 * The port to what runs containers: podman, containerd, or the fake. After the kubelet's CRI, in fewer verbs. Every sandbox and
 * container carries the labels below, so that an agent with an empty disk still finds what is its own.
 *
 * Each call gets a signal and ends within a bounded time; a call that fails leaves something that calling again, or removing, mends.
 */
export interface Runtime {
  readonly name: string;
  /** What kind and version, for `nodeInfo.containerRuntimeVersion`: `podman://4.3.1`. */
  version(): Promise<string>;
  /** What this host lacks, in plain words with what to install; empty when all is well. The quick look starts no programs. */
  preflight(look?: 'thorough' | 'quick'): Promise<readonly string[]>;
  /** Begins with what `start` would begin with, for an agent that has other things to do until then. */
  begin?(): void;
  /** Starts what the runtime needs (podman's API service); containers outlive `close`. */
  start(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
  /**
   * Where the addresses of new sandboxes come from (`Node.spec.podCIDR`). Running sandboxes keep theirs. Cheap when nothing changed.
   * Until it was called with a CIDR, a sandbox without `hostNetwork` fails with reason NetworkNotReady.
   */
  setPodCidr(podCIDR: string, signal?: AbortSignal): Promise<void>;

  /** Everything that carries our labels, running or not. */
  list(signal?: AbortSignal): Promise<readonly SandboxState[]>;
  /** Hints that something about a pod changed; the listener lists anew. `undefined` when events may have been missed. */
  watch(onChange: (podUid: string | undefined) => void): { stop(): void };

  /** Creates and starts the pod's sandbox (shared network, IPC, hostname); the same uid twice gives the one that is there. @throws RuntimeError */
  createSandbox(spec: SandboxSpec, signal?: AbortSignal): Promise<SandboxState>;
  /**
   * Creates and starts; resolves with its state once the process runs. The same name and attempt twice gives the one that is there
   * (started, if an earlier call got no further than creating it). @throws RuntimeError with reason ImageNotFound or
   * CreateContainerError (nothing is left), or RunContainerError (it stays behind with status `created`, to be removed).
   */
  createContainer(sandbox: SandboxState, spec: ContainerSpec, signal?: AbortSignal): Promise<ContainerState>;
  /** SIGTERM (or the image's stop signal), after the grace SIGKILL. Resolves when it no longer runs; fine when it is gone. */
  stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  removeContainer(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Where the kernel keeps the sandbox's processes: the path below the root of a cgroup hierarchy of a cgroup that holds one cgroup for each
   * of its containers. @throws RuntimeError when there is none
   */
  cgroupOf(sandbox: SandboxState): Promise<string>;
  /** Removes the sandbox with all that is in it. Fine when it is gone. */
  removeSandbox(id: string, signal?: AbortSignal): Promise<void>;

  /** The local image, if there is one. `reference` as in the pod's spec. */
  image(reference: string): Promise<ImageState | undefined>;
  images(): Promise<readonly ImageState[]>;
  /** @throws RuntimeError with reason ErrImagePull or InvalidImageName */
  pullImage(reference: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageState>;

  /** Log text, oldest first, in the order it was written. Ends at the end, or with the signal: without an error, at whatever point. */
  logs(containerId: string, options: Omit<LogOptions, 'container' | 'previous'>, signal: AbortSignal): AsyncIterable<Buffer>;

  /**
   * Runs a program in a running container, as whom and where the container's own process was started. Resolves when it runs; its exit code
   * (128 + the number of the signal that ended it) is the stream's result. The signal's end kills it and all that it started.
   * @throws RuntimeError, or StatusError when it cannot be started
   */
  exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<PodStream>;
  /** What the container's own process reads and writes from now on. The signal's end leaves the container as it is. @throws RuntimeError */
  attach(containerId: string, request: AttachRequest, signal: AbortSignal): Promise<PodStream>;
  /** A TCP connection to a port of the sandbox's own network, or of the host with `hostNetwork`. @throws RuntimeError with the system's words */
  connect(sandbox: SandboxState, port: number, signal: AbortSignal): Promise<PodStream>;
  /** Takes connections of pods, on the pod network's own address and on the host's loopback. Left out where this process cannot. */
  readonly listeners?: Listeners | undefined;
}

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface ExecRequest extends AttachRequest {
  readonly command: readonly string[];
  /** With a terminal standard error comes with the output. */
  readonly tty: boolean;
}

export const podLabels = {
  namespace: 'io.kubernetes.pod.namespace',
  name: 'io.kubernetes.pod.name',
  uid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  /** How often this container was started in this pod; 0 first. */
  attempt: 'io.flotilla.container.attempt',
  /** Hash of the part of the spec that cannot change under a running container. */
  hash: 'io.flotilla.container.hash',
} as const;

export interface SandboxSpec {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly sharePid: boolean;
  /** Asks for this very address; the runtime takes a free one out of the podCIDR when undefined (the normal case). */
  readonly ip: string | undefined;
  readonly ports: readonly {
    readonly containerPort: number;
    readonly hostPort: number;
    readonly protocol: 'TCP' | 'UDP';
    readonly hostIP?: string;
  }[];
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
  readonly dns:
    | { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] }
    | undefined;
  readonly sysctls: Readonly<Record<string, string>>;
}

export interface ContainerSpec {
  readonly name: string;
  readonly attempt: number;
  /** Kept as a label; tells whether what runs is what the pod asks for. */
  readonly hash: string;
  /** The image's id or reference, present locally. */
  readonly image: string;
  /** Replaces the image's entrypoint when given. */
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
  readonly mounts: readonly Mount[];
  /** Millicores of the CPU quota; undefined is unlimited. */
  readonly cpuLimitMillis: number | undefined;
  readonly cpuRequestMillis: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Its standard input ends when the first who attached to it ends theirs; otherwise it stays open for the next. */
  readonly stdinOnce?: boolean;
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly supplementalGroups: readonly number[];
  readonly readOnlyRootFilesystem: boolean;
  readonly privileged: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly terminationMessagePath: string | undefined;
  /** Another running container of the sandbox whose processes it sees, and that sees its own; it ends with that one. */
  readonly targetContainerId?: string;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation?: 'private' | 'rslave' | 'rshared';
}

export interface SandboxState {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Whether its network and infra process are there; a sandbox that is not ready is removed and made anew. */
  readonly ready: boolean;
  /** Undefined with hostNetwork. */
  readonly ip: string | undefined;
  readonly createdWallMs: number;
  readonly containers: readonly ContainerState[];
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly hash: string;
  readonly image: string;
  readonly imageId: string;
  /** `created`: its process was never started, or could not be. */
  readonly status: 'created' | 'running' | 'exited' | 'unknown';
  readonly createdWallMs: number;
  /** Whole seconds of one that runs and was started by an earlier run of the agent. */
  readonly startedWallMs: number | undefined;
  readonly finishedWallMs: number | undefined;
  readonly exitCode: number | undefined;
  readonly oomKilled: boolean;
}

export interface ImageState {
  /** `sha256:…` or the runtime's own id. */
  readonly id: string;
  readonly names: readonly string[];
  readonly digest: string | undefined;
  readonly bytes: number;
  /** The image's USER: empty, a name or a number with an optional group. Only from `image`; undefined in `images`. */
  readonly user: string | undefined;
}

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

/**
 * What went wrong, in Kubernetes' words where it has them. `Unavailable` (the runtime does not answer, or not in time) and
 * `Aborted` (by the caller's signal) say nothing about the pod: look again and retry.
 */
export type RuntimeReason =
  | 'ErrImagePull'
  | 'InvalidImageName'
  | 'ImageNotFound'
  | 'NetworkNotReady'
  | 'CreatePodSandboxError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'NotFound'
  | 'Unavailable'
  | 'Aborted'
  | 'Failed';

/** A failure with the reason that belongs in the container's waiting state or the pod's event. */
export class RuntimeError extends Error {
  readonly reason: RuntimeReason;

  constructor(reason: RuntimeReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RuntimeError';
    this.reason = reason;
  }
}
