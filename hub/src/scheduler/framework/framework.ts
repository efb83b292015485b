import type { Random } from '@flotilla/shared/platform/random.js';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Filter, Plugin, Snapshot } from './plugin.ts';
import { broken, Diagnosis, type Status } from './status.ts';

export type ScheduleResult =
  | { readonly node: NodeInfo /** How many nodes were looked at. */; readonly evaluated: number }
  | { readonly unschedulable: string; readonly plugins: ReadonlySet<string> }
  | { readonly broken: Status };

export interface FrameworkOptions {
  readonly plugins: readonly Plugin[];
  readonly random: Pick<Random, 'next'>;
  /** Nodes that fit are looked for until so many are found; 100 when left out. */
  readonly nodesToScore?: number;
}

/** Finds the node for a pod in a snapshot. Synchronous; allocates per pod, not per node. */
export class Framework {
  readonly #options: FrameworkOptions;
  /** Where the next search begins, so that all nodes get their turn. */
  #start = 0;
  #feasible: NodeInfo[] = [];
  #totals = new Float64Array(0);
  #scores = new Float64Array(0);

  constructor(options: FrameworkOptions) {
    this.#options = options;
  }

  schedule(pod: PodInfo, snapshot: Snapshot): ScheduleResult {
    const { plugins } = this.#options;
    const diagnosis = new Diagnosis(snapshot.nodes.length);
    try {
      const evaluated = this.#findFeasible(pod, snapshot, diagnosis);
      if (typeof evaluated !== 'number') return { broken: evaluated };
      if (this.#feasible.length > 0) return { node: this.#best(pod, snapshot), evaluated };
    } catch (error) {
      return { broken: broken('framework', error) };
    }
    const said = plugins.flatMap((plugin) => plugin.postFilter?.(pod, snapshot, diagnosis) ?? []);
    return { unschedulable: diagnosis.message(said.join(' ')), plugins: diagnosis.plugins };
  }

  /** Fills #feasible. @returns how many nodes were looked at, or what broke */
  #findFeasible(pod: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis): number | Status {
    const filters: Filter[] = [];
    let candidates: readonly NodeInfo[] = snapshot.nodes;
    this.#feasible.length = 0;
    for (const plugin of this.#options.plugins) {
      const result = plugin.preFilter?.(pod, snapshot);
      if (!result) continue;
      if ('code' in result) {
        if (result.code === 'Error') return result;
        diagnosis.add(result, candidates.length);
        return 0;
      }
      filters.push(result.filter);
      if (result.only) {
        const { only, filter } = result;
        // The nodes left out still count in the reasons.
        for (const node of candidates) {
          const refusal = only.has(node.name) ? undefined : filter(node);
          if (refusal) diagnosis.add(refusal);
        }
        candidates = candidates.filter(({ name }) => only.has(name));
      }
    }
    const wanted = this.#options.nodesToScore ?? 100;
    const count = candidates.length;
    let looked = 0;
    for (; looked < count && this.#feasible.length < wanted; looked++) {
      const node = candidates[(this.#start + looked) % count];
      if (!node) continue;
      const refusal = firstRefusal(filters, node);
      if (!refusal) this.#feasible.push(node);
      else if (refusal.code === 'Error') return refusal;
      else diagnosis.add(refusal);
    }
    this.#start = count === 0 ? 0 : (this.#start + looked) % count;
    return looked;
  }

  #best(pod: PodInfo, snapshot: Snapshot): NodeInfo {
    const nodes = this.#feasible;
    const [only] = nodes;
    if (only && nodes.length === 1) return only;
    this.#score(pod, snapshot, nodes);
    let best = 0;
    let equals = 1;
    for (let index = 1; index < nodes.length; index++) {
      const difference = (this.#totals[index] ?? 0) - (this.#totals[best] ?? 0);
      if (difference > 0) {
        best = index;
        equals = 1;
      } else if (difference === 0) {
        equals++;
        // Each of the equals has the same chance.
        if (this.#options.random.next() * equals < 1) best = index;
      }
    }
    return nodes[best] as NodeInfo;
  }

  #score(pod: PodInfo, snapshot: Snapshot, nodes: readonly NodeInfo[]): void {
    const count = nodes.length;
    if (this.#totals.length < count) {
      this.#totals = new Float64Array(count);
      this.#scores = new Float64Array(count);
    }
    this.#totals.fill(0, 0, count);
    for (const plugin of this.#options.plugins) {
      const score = plugin.preScore?.(pod, snapshot);
      if (!score) continue;
      let index = 0;
      for (const node of nodes) this.#scores[index++] = score(node);
      plugin.normalize?.(this.#scores, count);
      const weight = plugin.weight ?? 1;
      for (let at = 0; at < count; at++) this.#totals[at] = (this.#totals[at] ?? 0) + weight * (this.#scores[at] ?? 0);
    }
  }
}

function firstRefusal(filters: readonly Filter[], node: NodeInfo): Status | undefined {
  for (const filter of filters) {
    const refusal = filter(node);
    if (refusal) return refusal;
  }
  return undefined;
}
