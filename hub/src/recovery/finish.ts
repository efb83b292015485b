import { isNotFound } from '@flotilla/shared/errors/status.js';
import { controllerOf, type KubeObject, type OwnerReference, objectKey } from '@flotilla/shared/meta/object.js';
import type { Client } from '#client/types.ts';
import type { Registry } from '#registry/generic/types.ts';
import type { Revision } from '#store/contract.ts';
import type { BoardOutcome, KnownOwner, TakenObject } from './recalled.ts';
import { recoveryContext } from './recovery-context.ts';

/** A pod that came back and whose owner did not. */
interface Orphan {
  readonly pod: string;
  readonly owner: OwnerReference;
  readonly namespace: string;
}

export interface FinishParts {
  readonly client: Client;
  readonly registry: Registry;
}

const parallel = 64;

/**
 * Takes owners that do not exist off what came back, so that nothing collects it, and a workload of the same name that is applied again
 * adopts what its selector matches. Doing it again changes nothing.
 * @param base see RecoveryCause
 * @returns what an operator should do, a line for each workload
 */
export async function orphanTaken(parts: FinishParts, outcomes: readonly BoardOutcome[], base: Revision): Promise<string[]> {
  const { client } = parts;
  const kinds = client.resources();
  const exists = (namespace: string, owner: OwnerReference): boolean => {
    const [group = ''] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
    const served = kinds.find((kind) => kind.group === group && kind.kind === owner.kind);
    // Of a kind that is not served here nothing is known, and nothing is collected either.
    if (!served) return true;
    const found = client.informer<KubeObject>(group, served.resource).get(served.namespaced ? `${namespace}/${owner.name}` : owner.name);
    return found?.metadata?.uid === owner.uid;
  };
  for (const { group, resource } of kinds) client.informer(group, resource);
  await client.synced();
  const orphans: Orphan[] = [];
  const taken = outcomes.flatMap((outcome) => outcome.taken);
  for (let at = 0; at < taken.length; at += parallel) {
    await Promise.all(taken.slice(at, at + parallel).map((one) => orphan(parts, one, exists, orphans)));
  }
  return advice(client, orphans, outcomes, base);
}

async function orphan(
  { client, registry }: FinishParts,
  { resource, namespace, name, uid }: TakenObject,
  exists: (namespace: string, owner: OwnerReference) => boolean,
  orphans: Orphan[],
): Promise<void> {
  const gone = (object: KubeObject): OwnerReference[] =>
    object.metadata?.uid === uid ? (object.metadata.ownerReferences ?? []).filter((owner) => !exists(namespace, owner)) : [];
  const there = client.informer<KubeObject>('', resource).get(namespace ? `${namespace}/${name}` : name);
  const [first] = there ? gone(there) : [];
  if (!there || !first) return;
  try {
    await registry.resource('', resource).update(recoveryContext, namespace, name, (current) => {
      const dropped = gone(current);
      if (dropped.length === 0) return current;
      const left = (current.metadata?.ownerReferences ?? []).filter((owner) => !dropped.includes(owner));
      const { ownerReferences: _gone, ...metadata } = current.metadata ?? {};
      return { ...current, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata };
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  if (resource === 'pods') orphans.push({ pod: objectKey(there), namespace, owner: first });
}

/** By workload: what is lost or older than what boards run, and what becomes of its pods. */
function advice(client: Client, orphans: readonly Orphan[], outcomes: readonly BoardOutcome[], base: Revision): string[] {
  const owners = new Map(outcomes.flatMap((outcome) => outcome.owners).map((owner) => [owner.uid, owner]));
  const groups = new Map<string, Orphan[]>();
  for (const one of orphans) groups.set(one.owner.uid, [...(groups.get(one.owner.uid) ?? []), one]);
  return [...groups.values()]
    .map(([first, ...others]) => {
      if (!first) return '';
      const { owner, namespace } = first;
      const pods = `${others.length + 1} ${others.length === 0 ? 'pod' : 'pods'} of ${owner.kind} ${owner.name}`;
      const top = topOf(owners.get(owner.uid), owner);
      const served = client.resources().find(({ kind, group }) => kind === top.kind && group === 'apps');
      const there = served && client.informer<KubeObject>(served.group, served.resource).get(`${namespace}/${top.name}`);
      const workload = `${top.kind} ${namespace}/${top.name}`;
      if (!there) return `${workload} is lost (${pods} run on, not owned): apply it again, and it takes them over`;
      if (Number(there.metadata?.resourceVersion) > base)
        return `${workload} was applied since: it takes ${pods} over if they are as it wants them`;
      return `${workload} is older than what its boards run (${pods}, not owned): re-apply it, and it takes them over`;
    })
    .sort();
}

/** A Deployment above a ReplicaSet, where its name is known: from the boards, else from how ReplicaSets are named. */
function topOf(known: KnownOwner | undefined, owner: OwnerReference): { readonly kind: string; readonly name: string } {
  if (known?.owner) return known.owner;
  const deployment = /^(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}$/.exec(owner.name)?.[1];
  return owner.kind === 'ReplicaSet' && deployment ? { kind: 'Deployment', name: deployment } : owner;
}

/**
 * ReplicaSets of Deployments whose pods went after the backup are made as large as they are: a rollout had taken them down. If the
 * Deployment as it stands wants them after all, it scales them up again; if it was re-applied meanwhile, the older version never runs.
 */
export async function shrinkReplicaSets({ client }: FinishParts, outcomes: readonly BoardOutcome[]): Promise<void> {
  const shrunk = new Set(outcomes.flatMap((outcome) => outcome.shrunk));
  if (shrunk.size === 0) return;
  const sets = client.informer<ScaledObject>('apps', 'replicasets');
  const pods = client.informer<KubeObject>('', 'pods');
  await client.synced();
  for (const set of sets.list()) {
    const { uid = '', namespace = '', name = '' } = set.metadata ?? {};
    if (!shrunk.has(uid) || controllerOf(set)?.kind !== 'Deployment') continue;
    const there = pods.list(namespace).filter((pod) => controllerOf(pod)?.uid === uid && !pod.metadata?.deletionTimestamp).length;
    await client.resource<ScaledObject>('apps', 'replicasets').update(namespace, name, (current) => {
      const { replicas = 1 } = current.spec ?? {};
      return current.metadata?.uid === uid && replicas > there ? { ...current, spec: { ...current.spec, replicas: there } } : current;
    });
  }
}

interface ScaledObject extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}
