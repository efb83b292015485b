import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { PodSnapshot } from './pod-doors.ts';
import { findContainer } from './pod-rules.ts';

/** The id of the container whose log is asked for. @throws Error in the kubelet's words */
export function containerForLogs(snapshot: PodSnapshot | undefined, { container: name, previous }: LogOptions): string {
  if (!snapshot) throw new Error('pod not found');
  const { pod, record, sandboxes } = snapshot;
  if (pod && !findContainer(pod, name))
    throw new Error(`container ${JSON.stringify(name)} in pod ${JSON.stringify(record.name)} not found`);
  const known = record.containers[name];
  const attempts = sandboxes
    .flatMap(({ containers }) => containers)
    .filter((container) => container.name === name && container.status !== 'created')
    .sort((a, b) => b.attempt - a.attempt);
  if (previous) {
    // While the newest waits for its next start, it is the previous one (as the kubelet's lastState has it).
    const waits = snapshot.memory.containers.get(name)?.waiting !== undefined;
    const found = waits && known?.ended ? attempts[0] : attempts[1];
    if (!found) throw new Error(`previous terminated container ${JSON.stringify(name)} in pod ${JSON.stringify(record.name)} not found`);
    return found.id;
  }
  const newest = attempts[0];
  if (newest) return newest.id;
  const waiting = snapshot.memory.containers.get(name)?.waiting;
  const where = `container ${JSON.stringify(name)} in pod ${JSON.stringify(record.name)}`;
  if (waiting?.reason === 'ErrImagePull' || waiting?.reason === 'ImagePullBackOff')
    throw new Error(`${where} is waiting to start: trying and failing to pull image`);
  throw new Error(`${where} is waiting to start: ${waiting?.reason ?? 'ContainerCreating'}`);
}
