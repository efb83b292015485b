import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { ClusterEvent, Snapshot } from '../framework/plugin.ts';
import { NodeInfo } from './node-info.ts';
import { type PodInfo, podInfo } from './pod-info.ts';
import { ResourceTable } from './resources.ts';

/**
 * The nodes and what is bound to them.
 *
 * INVARIANTS
 * - A pod counts on at most one node. An assumed pod counts from the moment its node is chosen; its own event confirms it,
 *   a failed binding forgets it.
 * - A scheduling cycle runs without a pause, so the live state is its snapshot: nothing is copied.
 */
export class SchedulerCache implements Snapshot {
  readonly resources = new ResourceTable();
  /** Nodes whose object exists, in the order in which they came; a removed one is replaced by the last. */
  readonly nodes: NodeInfo[] = [];
  readonly byName = new Map<string, NodeInfo>();
  readonly imageNodes = new Map<string, number>();
  /** Where each pod counts. */
  readonly #places = new Map<string, NodeInfo>();

  info(pod: Pod): PodInfo {
    return podInfo(pod, this.resources);
  }

  /** Takes a node's newest state and says what of it changed. */
  setNode(node: Node): ClusterEvent[] {
    const name = objectKey(node);
    const info = this.#nodeInfo(name);
    const old = info.node;
    const before = { allocatable: info.allocatable, maxPods: info.maxPods };
    this.#countImages(info, -1);
    info.setNode(node, this.resources);
    this.#countImages(info, 1);
    if (!old) {
      this.nodes.push(info);
      return ['NodeAdd'];
    }
    const events: ClusterEvent[] = [];
    if (before.maxPods !== info.maxPods || !same(before.allocatable, info.allocatable)) events.push('NodeAllocatableUpdate');
    if (!same(old.metadata?.labels, node.metadata?.labels)) events.push('NodeLabelUpdate');
    if (!same(old.spec?.taints, node.spec?.taints)) events.push('NodeTaintUpdate');
    if ((old.spec?.unschedulable ?? false) !== info.unschedulable) events.push('NodeUnschedulableUpdate');
    return events;
  }

  removeNode(name: string): void {
    const info = this.byName.get(name);
    if (!info?.node) return;
    this.#countImages(info, -1);
    info.setNode(undefined, this.resources);
    const index = this.nodes.indexOf(info);
    const last = this.nodes.pop();
    if (last && last !== info) this.nodes[index] = last;
    this.#forgetEmpty(info);
  }

  /** Counts a pod on the node it is bound to; the same call confirms an assumed one. */
  setPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const node = pod.spec?.nodeName ?? '';
    const there = this.#places.get(uid);
    // What a bound pod asks for changes only by a resize, which counts its generation up.
    if (there?.name === node && there.pods.get(uid)?.pod.metadata?.generation === pod.metadata?.generation) return;
    this.#put(this.info(pod), node);
  }

  assume(pod: PodInfo, node: string): void {
    this.#put(pod, node);
  }

  /** @returns whether it counted anywhere */
  removePod(uid: string): boolean {
    const node = this.#places.get(uid);
    if (!node) return false;
    this.#places.delete(uid);
    node.remove(uid);
    this.#forgetEmpty(node);
    return true;
  }

  #put(pod: PodInfo, node: string): void {
    this.removePod(pod.uid);
    const info = this.#nodeInfo(node);
    info.add(pod);
    this.#places.set(pod.uid, info);
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.byName.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.byName.set(name, info);
    }
    return info;
  }

  #forgetEmpty(info: NodeInfo): void {
    if (!info.node && info.pods.size === 0) this.byName.delete(info.name);
  }

  #countImages(info: NodeInfo, sign: 1 | -1): void {
    for (const image of info.images.keys()) {
      const count = (this.imageNodes.get(image) ?? 0) + sign;
      if (count > 0) this.imageNodes.set(image, count);
      else this.imageNodes.delete(image);
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}
