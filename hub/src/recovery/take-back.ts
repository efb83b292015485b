import type { PodSpec } from '@flotilla/shared/api/generated/types.js';
import { qosClassOf } from '@flotilla/shared/api/qos-class.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { isNotFound, StatusError } from '@flotilla/shared/errors/status.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import { controllerOf, type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import { compareGenerations, type Generation } from '@flotilla/shared/protocol/messages.js';
import type { Client, Informer } from '#client/types.ts';
import type { Registry } from '#registry/generic/types.ts';
import {
  type BoardOutcome,
  objectsOf,
  ownersOf,
  type Recalled,
  type RecoveredResource,
  recoveredKinds,
  sameWish,
  type TakenObject,
} from './recalled.ts';
import { recoveryContext } from './recovery-context.ts';
import type { RecoveryCause } from './starting-point.ts';

export interface TakeBackOptions {
  readonly registry: Registry;
  readonly client: Client;
  readonly clock: Clock;
  readonly cause: RecoveryCause;
}

interface Pod extends KubeObject {
  readonly spec?: PodSpec;
  readonly status?: { readonly phase?: string };
}

type Place = Omit<Generation, 'digest'>;

/** One board's content while it is taken back. */
interface Visit {
  readonly node: string;
  readonly generation: Place;
  readonly buried: ReadonlySet<string>;
  readonly taken: TakenObject[];
  readonly removed: string[];
  readonly shrunk: Set<string>;
  readonly unrecovered: { what: string; why: string }[];
}

const byNode = 'recovery.node';
const parallel = 64;
const most = 1000;
/** Types of Secrets by which somebody gets in; who may is never taken from a board. */
const credentials = /^(fleet\.flotilla\.dev|bootstrap\.kubernetes\.io)\//;

/**
 * Puts back into the store what boards prove that this hub once wanted of them.
 *
 * INVARIANTS: a content that is not newer than what the store knew brings nothing back: what it has and the store has not was deleted.
 * What was written since the recovery began is never overwritten, but by a newer content where an older one put it there. A pod that
 * a board buried is never there again.
 */
export class TakeBack {
  readonly #options: TakeBackOptions;
  readonly #ctx = recoveryContext;
  readonly #informers: ReadonlyMap<RecoveredResource, Informer<KubeObject>>;
  readonly #pods: Informer<Pod>;
  /** What was put there in this recovery, and from which content. */
  readonly #from = new Map<string, { readonly generation: Place; readonly revision: string }>();
  /** Boards are heard at the same time; each object is looked at by one. */
  readonly #locks = new Map<string, Promise<void>>();

  constructor(options: TakeBackOptions) {
    this.#options = options;
    this.#informers = new Map(recoveredKinds.map(([resource]) => [resource, options.client.informer<KubeObject>('', resource)]));
    this.#pods = options.client.informer<Pod>('', 'pods');
    this.#pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  }

  /** Resolves when all of it is committed. @throws StatusError when the store cannot be written */
  async take({ node, content, tombstones }: Recalled): Promise<BoardOutcome> {
    const buried = new Set(tombstones.map(({ uid }) => uid));
    const generation = content?.generation ?? { epoch: 0, revision: 0 };
    const visit: Visit = { node, generation, buried, taken: [], removed: [], shrunk: new Set(), unrecovered: [] };
    const fresher = content !== undefined && compareGenerations(generation, this.#options.cause.known) > 0;
    const present = new Set<string>();
    for (const kind of recoveredKinds) {
      const objects = objectsOf(content?.objects ?? new Map(), kind, (key) => lost(visit, key, 'it is not what its key says'));
      if (kind[0] === 'pods') for (const { metadata } of objects) present.add(metadata?.uid ?? '');
      // What it must not have any more goes first, so that its names are free.
      if (kind[0] === 'pods') await this.#remove(visit, present, fresher);
      if (fresher) await inBatches(objects, (object) => this.#object(visit, kind[0], object));
    }
    const { taken, removed, unrecovered } = visit;
    const shrunk = [...visit.shrunk];
    const owners = content ? ownersOf(content.objects) : [];
    return { node, heardWallMs: this.#options.clock.wallMs(), taken, removed, shrunk, unrecovered: unrecovered.slice(0, most), owners };
  }

  /** Pods of this board that are no more: it buried them, or its newer content is without them. */
  async #remove({ node, buried, removed, shrunk }: Visit, present: ReadonlySet<string>, fresher: boolean): Promise<void> {
    const gone = this.#pods.byIndex(byNode, node).filter((pod) => {
      const uid = pod.metadata?.uid ?? '';
      return buried.has(uid) || (fresher && !present.has(uid) && this.#isOld(pod));
    });
    // Bound after the backup, ended and buried: it would be scheduled and run again.
    const unbound =
      buried.size === 0 ? [] : this.#pods.list().filter(({ spec, metadata }) => !spec?.nodeName && buried.has(metadata?.uid ?? ''));
    await inBatches([...gone, ...unbound], async (pod) => {
      await this.#delete('pods', pod);
      removed.push(objectKey(pod));
      const owner = controllerOf(pod);
      if (owner?.kind === 'ReplicaSet') shrunk.add(owner.uid);
    });
  }

  async #object(visit: Visit, resource: RecoveredResource, offered: KubeObject): Promise<void> {
    const why = refusal(visit, resource, offered);
    if (why === 'buried') return;
    if (why) return lost(visit, `${resource}/${objectKey(offered)}`, why);
    const key = `${resource}/${objectKey(offered)}`;
    await this.#locked(key, async () => {
      try {
        await this.#put(visit, resource, key, offered);
      } catch (error) {
        if (!(error instanceof StatusError) || error.code >= 500 || error.code === 429) throw error;
        lost(visit, key, describeError(error));
      }
    });
  }

  async #put(visit: Visit, resource: RecoveredResource, key: string, offered: KubeObject): Promise<void> {
    const there = this.#informers.get(resource)?.get(objectKey(offered));
    if (!there) return this.#create(visit, resource, key, made(resource, offered, undefined, this.#now()));
    const other = there.metadata?.uid !== offered.metadata?.uid;
    if (resource === 'namespaces') return;
    if (resource === 'nodes') return this.#adoptRange(visit, there, offered);
    const from = this.#from.get(key);
    const ours = from !== undefined && from.revision === there.metadata?.resourceVersion;
    const newer = ours ? compareGenerations(visit.generation, from.generation) > 0 : this.#isOld(there);
    if (resource === 'serviceaccounts') {
      // All that counts of it here is the uid that tokens are bound to; what else it says stays.
      if (!other || (from && !newer)) return;
      const { uid = '' } = offered.metadata ?? {};
      const { namespace = '', name = '' } = there.metadata ?? {};
      const given = (current: KubeObject): KubeObject => ({ ...current, metadata: { ...current.metadata, uid } });
      const { object } = await this.#options.registry.resource('', resource).update(this.#ctx, namespace, name, given);
      return this.#note(visit, resource, key, object.object);
    }
    if (!newer) {
      if (other && resource === 'pods') lost(visit, key, `another pod has its name (uid ${there.metadata?.uid})`);
      // Put there by a hub that crashed before this board counted as heard.
      if (!other && !ours) visit.taken.push(named(resource, there));
      return;
    }
    if (!other && sameWish(there, offered)) return;
    await this.#delete(resource, there);
    await this.#create(visit, resource, key, made(resource, offered, other ? undefined : there, this.#now()));
  }

  async #create(visit: Visit, resource: RecoveredResource, key: string, object: KubeObject): Promise<void> {
    const created = await this.#options.registry.resource('', resource).create(this.#ctx, object.metadata?.namespace ?? '', object);
    this.#note(visit, resource, key, created.object);
  }

  #note(visit: Visit, resource: RecoveredResource, key: string, object: KubeObject): void {
    this.#from.set(key, { generation: visit.generation, revision: object.metadata?.resourceVersion ?? '' });
    visit.taken.push(named(resource, object));
  }

  async #delete(resource: RecoveredResource, { metadata = {} }: KubeObject): Promise<void> {
    const { namespace = '', name = '', uid = '' } = metadata;
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#options.registry
      .resource('', resource)
      .delete(this.#ctx, namespace, name, options)
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }

  /** The board's pods live in the range that it was given. */
  async #adoptRange(visit: Visit, there: KubeObject, offered: KubeObject): Promise<void> {
    const [now, then] = [podCidrOf(there), podCidrOf(offered)];
    if (!then || now === then) return;
    const name = objectKey(there);
    if (now) return lost(visit, `nodes/${name}`, `its pods have addresses of ${then}, but it was given ${now} since`);
    await this.#options.registry.resource('', 'nodes').update(this.#ctx, '', name, (current) => {
      const { spec } = current as KubeObject & { spec?: object };
      return { ...current, spec: { ...spec, podCIDR: then, podCIDRs: [then] } } as KubeObject;
    });
  }

  /** From the backup, and not touched since. */
  #isOld({ metadata }: KubeObject): boolean {
    return Number(metadata?.resourceVersion) <= this.#options.cause.base;
  }

  #now(): string {
    return kubeTime(this.#options.clock.wallMs());
  }

  async #locked(key: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#locks.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => {});
    this.#locks.set(key, settled);
    try {
      await turn;
    } finally {
      if (this.#locks.get(key) === settled) this.#locks.delete(key);
    }
  }
}

/** Why an object may not come back from this board. */
function refusal({ node, buried }: Visit, resource: RecoveredResource, { metadata, ...rest }: KubeObject): string | undefined {
  const { type = '', spec } = rest as { type?: string; spec?: PodSpec };
  if (resource === 'secrets' && (metadata?.namespace === 'kube-system' || credentials.test(type)))
    return "the hub's own Secrets are not taken from boards";
  if (resource === 'nodes' && metadata?.name !== node) return 'it is another node';
  if (resource !== 'pods') return undefined;
  if (buried.has(metadata?.uid ?? '')) return 'buried';
  return spec?.nodeName === node ? undefined : 'it is not bound to this node';
}

/** The object as it is to be in the store. */
function made(resource: RecoveredResource, offered: KubeObject, there: KubeObject | undefined, now: string): KubeObject {
  if (resource === 'namespaces') {
    const labels = { 'kubernetes.io/metadata.name': offered.metadata?.name ?? '' };
    return {
      ...offered,
      metadata: { ...offered.metadata, labels },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    } as KubeObject;
  }
  if (resource === 'nodes') {
    const range = podCidrOf(offered);
    const { spec } = offered as KubeObject & { spec?: object };
    return { ...offered, spec: { ...spec, ...(range ? { podCIDRs: [range] } : {}) } } as KubeObject;
  }
  if (resource !== 'pods') return offered;
  const { status: known } = (there ?? {}) as Pod;
  const { spec, status } = offered as Pod;
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: now };
  const fresh = { phase: status?.phase ?? 'Pending', qosClass: qosClassOf(spec), conditions: [scheduled] };
  return { ...offered, status: known?.phase ? { ...known, ...(status ?? {}) } : fresh } as KubeObject;
}

function named(resource: RecoveredResource, { metadata }: KubeObject): TakenObject {
  const { namespace = '', name = '', uid = '' } = metadata ?? {};
  return { resource, namespace, name, uid };
}

function podCidrOf(node: KubeObject): string | undefined {
  return (node as KubeObject & { spec?: { podCIDR?: string } }).spec?.podCIDR;
}

function lost(visit: Visit, what: string, why: string): void {
  visit.unrecovered.push({ what, why });
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += parallel) await Promise.all(items.slice(at, at + parallel).map(work));
}
