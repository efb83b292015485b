import { createHash } from 'node:crypto';
import { podReferences } from '@flotilla/shared/api/pod-references.js';
import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import type { NodeManifest } from '@flotilla/shared/protocol/messages.js';
import type { Client, Informer } from '#client/types.ts';
import type { Node, Pod } from '../objects.ts';

/** What a node shall have, without a number. */
export interface ManifestContent {
  readonly digest: string;
  readonly body: Omit<NodeManifest, 'generation'>;
}

/**
 * Derives a node's manifest from the informers, and tells which nodes a change concerns. A pod goes to its node and nowhere else,
 * and so does what it refers to.
 *
 * `revision` is the highest revision seen so far, deletions included: since a manifest is built from what was seen and every change
 * has a revision of its own, a hub that starts anew arrives at the same or a higher number.
 */
export class ManifestSources {
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #configMaps: Informer<KubeObject>;
  readonly #secrets: Informer<KubeObject>;
  readonly #serviceAccounts: Informer<KubeObject>;
  readonly #stops: { stop(): void }[] = [];
  #revision = 0;

  constructor(client: Client) {
    this.#pods = client.informer('', 'pods');
    this.#nodes = client.informer('', 'nodes');
    this.#configMaps = client.informer('', 'configmaps');
    this.#secrets = client.informer('', 'secrets');
    this.#serviceAccounts = client.informer('', 'serviceaccounts');
    this.#pods.index(byNode, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    this.#pods.index(byReference, references);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Pods bound to a node. */
  podsOn(node: string): readonly Pod[] {
    return this.#pods.byIndex(byNode, node);
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  node(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  nodes(): readonly Node[] {
    return this.#nodes.list();
  }

  /** Calls `changed` with each node whose manifest may be another now. */
  watch(changed: (node: string) => void): void {
    const pod = (...states: readonly Pod[]): void => {
      for (const name of new Set(states.map((state) => state.spec?.nodeName))) if (name) changed(name);
    };
    this.#follow(this.#pods, (now, old) => {
      if (!now || !old) pod(...[now, old].filter((state) => state !== undefined));
      else if (now.spec?.nodeName !== old.spec?.nodeName || contentDigest(now) !== contentDigest(old)) pod(now, old);
    });
    this.#follow(this.#nodes, (now, old) => {
      const name = (now ?? old)?.metadata?.name;
      if (name && now?.spec?.podCIDR !== old?.spec?.podCIDR) changed(name);
    });
    const referred = (kind: string, informer: Informer<KubeObject>): void =>
      this.#follow(informer, (now, old) => {
        const object = now ?? old;
        if (!object || (now && old && contentDigest(now) === contentDigest(old))) return;
        pod(...this.#pods.byIndex(byReference, `${kind}/${objectKey(object)}`));
      });
    referred('configMap', this.#configMaps);
    referred('secret', this.#secrets);
    referred('serviceAccount', this.#serviceAccounts);
  }

  stop(): void {
    for (const watch of this.#stops.splice(0)) watch.stop();
  }

  build(node: string): ManifestContent {
    const configMaps = new Map<string, KubeObject>();
    const secrets = new Map<string, KubeObject>();
    const serviceAccounts: Record<string, string> = {};
    const pods = [...this.podsOn(node)].sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
    for (const pod of pods) {
      const namespace = pod.metadata?.namespace ?? '';
      const { configMaps: configMapNames, secrets: secretNames, serviceAccount } = podReferences(pod);
      for (const name of configMapNames) collect(configMaps, this.#configMaps, `${namespace}/${name}`);
      for (const name of secretNames) collect(secrets, this.#secrets, `${namespace}/${name}`);
      const uid = this.#serviceAccounts.get(`${namespace}/${serviceAccount}`)?.metadata?.uid;
      if (uid) serviceAccounts[`${namespace}/${serviceAccount}`] = uid;
    }
    const podCIDR = this.#nodes.get(node)?.spec?.podCIDR ?? '';
    const lists = [pods, sorted(configMaps), sorted(secrets)] as const;
    const hash = createHash('sha256').update(canonicalJson([node, podCIDR, serviceAccounts]));
    for (const list of lists) {
      hash.update(`\n${list.length}\n`);
      for (const object of list) hash.update(contentDigest(object));
    }
    const [podObjects, configMapObjects, secretObjects] = lists.map((list) => list.map(content));
    const body = {
      node,
      podCIDR,
      pods: podObjects ?? [],
      configMaps: configMapObjects ?? [],
      secrets: secretObjects ?? [],
      serviceAccounts,
    };
    return { digest: hash.digest('base64url'), body };
  }

  #follow<T extends KubeObject>(informer: Informer<T>, changed: (now: T | undefined, old: T | undefined) => void): void {
    const seen = (object: T): void => {
      const revision = Number(object.metadata?.resourceVersion);
      if (Number.isSafeInteger(revision)) this.#revision = Math.max(this.#revision, revision);
    };
    this.#stops.push(
      informer.on({
        added: (object) => {
          seen(object);
          changed(object, undefined);
        },
        updated: (object, old) => {
          seen(object);
          changed(object, old);
        },
        deleted: (object) => {
          seen(object);
          changed(undefined, object);
        },
      }),
    );
  }
}

const byNode = 'nodesync.node';
const byReference = 'nodesync.reference';

function references(pod: Pod): readonly string[] {
  if (!pod.spec?.nodeName) return [];
  const namespace = pod.metadata?.namespace ?? '';
  const { configMaps, secrets, serviceAccount } = podReferences(pod);
  return [
    ...configMaps.map((name) => `configMap/${namespace}/${name}`),
    ...secrets.map((name) => `secret/${namespace}/${name}`),
    `serviceAccount/${namespace}/${serviceAccount}`,
  ];
}

function collect(into: Map<string, KubeObject>, informer: Informer<KubeObject>, key: string): void {
  const object = informer.get(key);
  if (object) into.set(key, object);
}

function sorted(objects: ReadonlyMap<string, KubeObject>): KubeObject[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** The object as a board gets it: nothing in it changes because a board reported, or because somebody touched only its bookkeeping. */
function content(object: KubeObject): KubeObject {
  const { status, ...rest } = object as KubeObject & { status?: { phase?: string } };
  const { managedFields: _managedFields, resourceVersion: _resourceVersion, ...metadata } = object.metadata ?? {};
  // A pod that ended for good must not be started again by a board that forgot it.
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return { ...rest, metadata, ...(ended ? { status: { phase: status?.phase } } : {}) } as KubeObject;
}

const digests = new WeakMap<KubeObject, string>();

/** Objects in the cache are frozen, so each is looked at once. */
function contentDigest(object: KubeObject): string {
  let digest = digests.get(object);
  if (digest === undefined) {
    digest = createHash('sha256')
      .update(canonicalJson(content(object)))
      .digest('base64url');
    digests.set(object, digest);
  }
  return digest;
}
