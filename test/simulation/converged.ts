import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap, Deployment, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { settings } from './workload.ts';

function isTrue(object: Pod | Node, type: string): boolean {
  return object.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

const farEnough = { begun: new Set(['Running', 'Succeeded', 'Failed']), ended: new Set(['Succeeded', 'Failed']) };

/**
 * What keeps this fleet from being as it is wanted; empty when everything has settled. Reads the store, the containers and the disks.
 * `once` says how far pods that run to completion have to be: their programs take the time they take.
 */
export async function unsettled(fleet: Fleet, ledger: Ledger, once: 'begun' | 'ended' = 'ended'): Promise<string[]> {
  const reasons: string[] = [];
  const pods = ledger.objects<Pod>('core/pods');
  for (const { metadata, spec } of ledger.objects<Deployment>('apps/deployments')) {
    const name = metadata?.name ?? '';
    const own = pods.filter((pod) => pod.metadata?.labels?.['app'] === name);
    if (own.length !== spec?.replicas) reasons.push(`${name} has ${own.length} pods, wants ${spec?.replicas}`);
    const image = spec?.template.spec?.containers[0]?.image;
    const old = own.filter((pod) => pod.spec?.containers[0]?.image !== image);
    if (old.length > 0) reasons.push(`${old.length} pods of ${name} do not run ${image}`);
  }
  const bound = new Map<string, Pod>();
  for (const pod of pods) {
    const { name, uid = '', deletionTimestamp } = pod.metadata ?? {};
    const phase = pod.status?.phase;
    if (pod.spec?.nodeName) bound.set(uid, pod);
    if (deletionTimestamp) reasons.push(`${name} is still being deleted`);
    else if (!pod.spec?.nodeName) reasons.push(`${name} is bound to no node`);
    else if (pod.spec.restartPolicy === 'Never' ? !farEnough[once].has(phase ?? '') : !isTrue(pod, 'Ready'))
      reasons.push(`${name} on ${pod.spec.nodeName} is ${phase}`);
  }
  const seen = new Set<string>();
  const text = (ledger.live.get(`/registry/core/configmaps/default/${settings}`) as ConfigMap | undefined)?.data?.['at'];
  for (const [node, { runtime, running, files, agent }] of fleet.boards) {
    if (!running) reasons.push(`the agent of ${node} does not run`);
    for (const { pod, container } of runtime.containers()) {
      if (container.status !== 'running') continue;
      const object = bound.get(pod.uid);
      if (object?.spec?.nodeName !== node) reasons.push(`${node} runs ${pod.name}, which is no pod of its own`);
      seen.add(pod.uid);
    }
    for (const pod of pods) {
      if (pod.spec?.nodeName !== node || !pod.spec.volumes?.some(({ name }) => name === settings)) continue;
      const found = await files.readText(`/data/pods/${pod.metadata?.uid}/volumes/${settings}/at`).catch(() => undefined);
      if (found !== text) reasons.push(`${pod.metadata?.name} on ${node} has the settings of ${found}, not ${text}`);
    }
    if (agent && running && !agent.reporter.idle) reasons.push(`${node} has more to report`);
  }
  for (const pod of pods)
    if (pod.spec?.restartPolicy !== 'Never' && !seen.has(pod.metadata?.uid ?? '')) reasons.push(`${pod.metadata?.name} has no container`);
  for (const node of ledger.objects<Node>('core/nodes')) if (!isTrue(node, 'Ready')) reasons.push(`${node.metadata?.name} is not Ready`);
  return reasons;
}

/** What the hub's own readers have that the store has not, or the other way round. */
export function unlike(fleet: Fleet, ledger: Ledger): string | undefined {
  const version = ({ metadata }: Pod): [string, string] => [metadata?.name ?? '', metadata?.resourceVersion ?? ''];
  const cached = fleet.hub.admin.informer<Pod>('', 'pods').list('default').map(version).sort();
  const stored = ledger
    .objects<Pod>('core/pods')
    .map(({ metadata }) => metadata?.name ?? '')
    .sort();
  const names = cached.map(([name]) => name);
  return isDeepStrictEqual(names, stored) ? undefined : `the hub sees ${names.join(' ')}, the store has ${stored.join(' ')}`;
}
