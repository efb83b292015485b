import type { PodStatus } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import { type RestartPodOptions, restartPod } from '#operations/restart-pod.ts';
import { containerForLogs } from '#pods/container-logs.ts';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import type { Runtime } from '#runtime/types.ts';
import type { LocalPod, LocalSource } from './local-desk.ts';
import { nodeLines } from './node-lines.ts';

export interface AgentSourceOptions extends RestartPodOptions {
  readonly clock: Clock;
  readonly runtime: Pick<Runtime, 'logs' | 'stopContainer'>;
  readonly nodeName: string;
  readonly version: string;
  readonly dataDir: string;
  /** v1.PodStatus. */
  readonly statusOf: (snapshot: PodSnapshot) => Record<string, unknown>;
  /** v1.NodeStatus. */
  readonly nodeStatus: () => Record<string, unknown>;
  readonly connected: () => boolean;
  readonly generation: () => Generation | undefined;
}

/** What a running agent knows; needs no hub. */
export function agentSource(options: AgentSourceOptions): LocalSource {
  const { pods, runtime, statusOf } = options;
  return {
    pods: async () => [...pods.snapshots()].map((snapshot) => localPod(snapshot, statusOf(snapshot) as PodStatus)),
    logs({ uid }, { container, follow = false, previous = false, tailLines }, signal) {
      const id = containerForLogs(pods.snapshot(uid), { container, previous });
      return runtime.logs(id, { follow, ...(tailLines === undefined ? {} : { tailLines }) }, signal);
    },
    async restart(pod) {
      const asked = {
        uid: pod.uid,
        name: pod.name,
        action: 'RestartPod',
        pod,
        createdWallMs: options.clock.wallMs(),
        begun: true,
      } as const;
      const report = await restartPod(options)(asked, new AbortController().signal);
      if (report?.phase !== 'Succeeded') throw new Error(report?.message ?? 'the agent is stopping');
      return report.message;
    },
    facts: async () => {
      const generation = options.generation();
      return {
        Node: options.nodeName,
        Agent: `${options.version}, running`,
        Hub: options.connected() ? 'connected' : 'away',
        'Wanted state': generation ? `epoch ${generation.epoch}, revision ${generation.revision}` : 'none yet',
        Pods: String([...pods.snapshots()].length),
        'Data directory': options.dataDir,
        ...nodeLines(options.nodeStatus()),
      };
    },
  };
}

function localPod({ uid, record, removing, pod }: PodSnapshot, status: PodStatus): LocalPod {
  const statuses = status.containerStatuses ?? [];
  const wanted = pod?.spec?.containers?.map(({ name }) => name) ?? statuses.map(({ name }) => name);
  const init = (status.initContainerStatuses ?? []).filter(({ ready }) => !ready);
  return {
    ...{ namespace: record.namespace, name: record.name, uid, ip: status.podIP },
    status: removing ? 'Terminating' : (reasonOf(init) ?? reasonOf(statuses) ?? status.reason ?? status.phase ?? 'Unknown'),
    containers: wanted.map((name) => {
      const found = statuses.find((one) => one.name === name);
      return { name, ready: found?.ready === true, restarts: found?.restartCount ?? 0 };
    }),
  };
}

/** As kubectl words it: why a container waits, or how it ended. */
function reasonOf(statuses: NonNullable<PodStatus['containerStatuses']>): string | undefined {
  for (const { state } of statuses) {
    if (state?.waiting?.reason) return state.waiting.reason;
    if (state?.terminated) return state.terminated.reason ?? `ExitCode:${state.terminated.exitCode}`;
  }
  return undefined;
}
