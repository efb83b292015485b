import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Diagnosis, Status } from './status.ts';

/** What happened in the fleet that may let a pod fit that did not. */
export type ClusterEvent =
  | 'NodeAdd'
  | 'NodeAllocatableUpdate'
  | 'NodeLabelUpdate'
  | 'NodeTaintUpdate'
  | 'NodeUnschedulableUpdate'
  | 'AssignedPodDelete';

/** The nodes as they are during one cycle. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  readonly byName: ReadonlyMap<string, NodeInfo>;
  /** On how many nodes an image lies. */
  readonly imageNodes: ReadonlyMap<string, number>;
}

/** Undefined means the pod fits; called for each node, so it must not allocate where it can be avoided. */
export type Filter = (node: NodeInfo) => Status | undefined;
/** Any number; `normalize` brings it to 0…100. */
export type Score = (node: NodeInfo) => number;

export interface PreFilterResult {
  readonly filter: Filter;
  /** Only these nodes can fit; the others are not even looked at. */
  readonly only?: ReadonlySet<string>;
}

/**
 * A rule of the scheduler. Each extension point is optional; `undefined` from preFilter or preScore means that the plugin has
 * nothing to say about this pod and is skipped for all nodes.
 */
export interface Plugin {
  readonly name: string;
  /** Events after which a pod this plugin refused is worth another try. */
  readonly events: readonly ClusterEvent[];
  preFilter?(pod: PodInfo, snapshot: Snapshot): PreFilterResult | Status | undefined;
  /** When nothing fitted: may make room, and says what it found. */
  postFilter?(pod: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis): string | undefined;
  preScore?(pod: PodInfo, snapshot: Snapshot): Score | undefined;
  /** Changes the first `count` scores in place. Scores are 0…100 already when left out. */
  normalize?(scores: Float64Array, count: number): void;
  readonly weight?: number;
  reserve?(pod: PodInfo, node: NodeInfo): void;
  unreserve?(pod: PodInfo, node: NodeInfo): void;
}

/** Scales the scores so that the best has 100; reversed, so that 0 has 100 (plugins/helper, DefaultNormalizeScore). */
export function normalizeByMax(scores: Float64Array, count: number, reverse: boolean): void {
  let max = 0;
  for (let index = 0; index < count; index++) max = Math.max(max, scores[index] ?? 0);
  for (let index = 0; index < count; index++) {
    const scaled = max === 0 ? 0 : Math.floor(((scores[index] ?? 0) * 100) / max);
    scores[index] = reverse ? 100 - scaled : scaled;
  }
}
