import type { ContainerState, Runtime, SandboxState } from '#runtime/types.ts';
import type { LocalPod, LocalSource } from './local-desk.ts';

export interface RuntimeSourceOptions {
  /** Started. */
  readonly runtime: Pick<Runtime, 'list' | 'logs' | 'version'>;
  readonly dataDir: string;
}

/** What the containers' labels tell where no agent runs. */
export function runtimeSource({ runtime, dataDir }: RuntimeSourceOptions): LocalSource {
  const newest = async (uid: string, name: string): Promise<ContainerState[]> =>
    (await runtime.list())
      .filter((sandbox) => sandbox.uid === uid)
      .flatMap(({ containers }) => containers)
      .filter((container) => container.name === name && container.status !== 'created')
      .sort((a, b) => b.attempt - a.attempt);
  return {
    pods: async () => (await runtime.list()).map(localPod),
    async *logs({ uid, name: pod }, { container, follow = false, previous = false, tailLines }, signal) {
      const found = (await newest(uid, container))[previous ? 1 : 0];
      if (!found) throw new Error(`there is no ${previous ? 'previous ' : ''}log of container ${container} in pod ${pod}`);
      yield* runtime.logs(found.id, { follow, ...(tailLines === undefined ? {} : { tailLines }) }, signal);
    },
    restart: () => Promise.reject(new Error(`no agent runs with ${dataDir}; nobody else would start the containers again`)),
    facts: async () => {
      const pods = await runtime.list();
      return { Agent: 'not running', Runtime: await runtime.version(), Pods: String(pods.length), 'Data directory': dataDir };
    },
  };
}

function localPod({ namespace, name, uid, ip, ready, containers }: SandboxState): LocalPod {
  const byName = new Map<string, ContainerState>();
  for (const container of [...containers].sort((a, b) => a.attempt - b.attempt)) byName.set(container.name, container);
  const all = [...byName.values()];
  const running = all.filter(({ status }) => status === 'running').length;
  return {
    ...{ namespace, name, uid, ip },
    status: running > 0 && ready ? 'Running' : 'Stopped',
    containers: all.map((container) => ({ name: container.name, ready: container.status === 'running', restarts: container.attempt })),
  };
}
