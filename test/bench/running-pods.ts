import type { BenchApi } from './bench-api.ts';

/** Which pods of a namespace run, as a watch tells it. */
export interface RunningPods {
  readonly running: ReadonlySet<string>;
  runs(name: string): Promise<void>;
  stop(): void;
}

/** Every change from now on. */
export async function runningOf(api: BenchApi, namespace: string): Promise<RunningPods> {
  const running = new Set<string>();
  const waiting = new Map<string, () => void>();
  const watch = await api.watch(`/api/v1/namespaces/${namespace}/pods`, ({ object }) => {
    if (object.status?.phase !== 'Running') return;
    running.add(object.metadata.name);
    waiting.get(object.metadata.name)?.();
  });
  return {
    running,
    runs: (name) => (running.has(name) ? Promise.resolve() : new Promise((resolve) => void waiting.set(name, resolve))),
    stop: () => watch.stop(),
  };
}
