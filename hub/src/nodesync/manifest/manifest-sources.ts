import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import type { Client, Informer } from '#client/types.ts';
import type { Node, Pod } from '../objects.ts';
import { contentOf, entryOf, type ManifestContent, type ManifestEntry, sameForBoards } from './manifest-content.ts';
import { type ManifestKind, manifestKinds } from './manifest-kinds.ts';

interface Source {
  readonly kind: ManifestKind;
  readonly informer: Informer<KubeObject>;
}

/**
 * Derives what each node shall have from the informers, and tells which nodes a change concerns: the objects that are a node's own
 * (its pods, itself) and all that these refer to, at any distance. Nothing else goes to a board.
 *
 * `revision` is the highest revision seen so far, deletions included: since a content is built from what was seen and every change
 * has a revision of its own, a hub that starts anew arrives at the same or a higher number.
 */
export class ManifestSources {
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #stops: { stop(): void }[] = [];
  #revision = 0;

  constructor(client: Client, kinds: readonly ManifestKind[] = manifestKinds) {
    this.#sources = new Map(
      kinds.map((kind) => [kind.resource, { kind, informer: client.informer<KubeObject>(kind.group, kind.resource) }]),
    );
    this.#pods = client.informer('', 'pods');
    this.#nodes = client.informer('', 'nodes');
    for (const { kind, informer } of this.#sources.values()) {
      if (kind.nodes) informer.index(byNode, kind.nodes);
      if (kind.references) informer.index(byReference, kind.references);
    }
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

  /** Calls `changed` with each node whose content may be another now. */
  watch(changed: (node: string) => void): void {
    for (const source of this.#sources.values()) {
      this.#follow(source, (states) => {
        const nodes = new Set<string>();
        for (const state of states) this.#nodesOf(source.kind, state, nodes, new Set());
        for (const node of nodes) changed(node);
      });
    }
  }

  stop(): void {
    for (const watch of this.#stops.splice(0)) watch.stop();
  }

  build(node: string): ManifestContent {
    const entries = new Map<string, ManifestEntry>();
    const add = (source: Source, object: KubeObject): void => {
      const entry = entryOf(source.kind, object);
      if (entries.has(entry.key)) return;
      entries.set(entry.key, entry);
      for (const key of source.kind.references?.(object) ?? []) {
        const { source: other, name } = this.#find(key);
        const referred = other?.informer.get(name);
        if (other && referred) add(other, referred);
      }
    };
    for (const source of this.#sources.values()) {
      if (source.kind.nodes) for (const object of source.informer.byIndex(byNode, node)) add(source, object);
    }
    return contentOf(entries);
  }

  /** Adds the nodes that an object goes to, for its own sake or because others refer to it. */
  #nodesOf(kind: ManifestKind, object: KubeObject, nodes: Set<string>, seen: Set<string>): void {
    const key = `${kind.resource}/${objectKey(object)}`;
    if (seen.has(key)) return;
    seen.add(key);
    for (const node of kind.nodes?.(object) ?? []) nodes.add(node);
    for (const other of this.#sources.values()) {
      if (!other.kind.references) continue;
      for (const referring of other.informer.byIndex(byReference, key)) this.#nodesOf(other.kind, referring, nodes, seen);
    }
  }

  #find(key: string): { source: Source | undefined; name: string } {
    const slash = key.indexOf('/');
    return { source: this.#sources.get(key.slice(0, slash)), name: key.slice(slash + 1) };
  }

  /** Tells the states of an object of which one is news for boards. */
  #follow({ kind, informer }: Source, changed: (states: readonly KubeObject[]) => void): void {
    const seen = (object: KubeObject): void => {
      const revision = Number(object.metadata?.resourceVersion);
      if (Number.isSafeInteger(revision)) this.#revision = Math.max(this.#revision, revision);
    };
    this.#stops.push(
      informer.on({
        added: (object) => {
          seen(object);
          changed([object]);
        },
        updated: (object, old) => {
          seen(object);
          const [now, before] = [kind.nodes?.(object) ?? [], kind.nodes?.(old) ?? []];
          const moved = now.length !== before.length || now.some((node, index) => node !== before[index]);
          if (moved || !sameForBoards(kind, object, old)) changed([object, old]);
        },
        deleted: (object) => {
          seen(object);
          changed([object]);
        },
      }),
    );
  }
}

const byNode = 'nodesync.node';
const byReference = 'nodesync.reference';
