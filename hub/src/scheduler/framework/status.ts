/**
 * Why a pod does not go somewhere. `Unschedulable` could change when other pods go; `UnschedulableAndUnresolvable` could not;
 * `Error` says that something broke and that nothing is known about the fit.
 */
export interface Status {
  readonly code: 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Error';
  readonly reasons: readonly string[];
  readonly plugin: string;
}

export const unschedulable = (plugin: string, ...reasons: string[]): Status => ({ code: 'Unschedulable', reasons, plugin });
export const unresolvable = (plugin: string, ...reasons: string[]): Status => ({ code: 'UnschedulableAndUnresolvable', reasons, plugin });
export const broken = (plugin: string, error: unknown): Status => ({
  code: 'Error',
  reasons: [error instanceof Error ? error.message : String(error)],
  plugin,
});

/** `1 Insufficient cpu, 2 node(s) were unschedulable`: sorted as strings, as kube-scheduler sorts its histogram. */
function histogram(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** What a whole round over the nodes found when none fitted. */
export class Diagnosis {
  readonly #nodes: number;
  readonly #reasons = new Map<string, number>();
  readonly #plugins = new Set<string>();
  #resolvable = 0;
  #unresolvable = 0;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  /** The plugins that refused; only events they care for can help. */
  get plugins(): ReadonlySet<string> {
    return this.#plugins;
  }

  add(status: Status, nodes = 1): void {
    for (const reason of status.reasons) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + nodes);
    if (status.code === 'Unschedulable') this.#resolvable += nodes;
    else this.#unresolvable += nodes;
    this.#plugins.add(status.plugin);
  }

  /** The words of kube-scheduler's FitError, with what PostFilter said. */
  message(postFilter: string): string {
    if (this.#nodes === 0) return 'no nodes available to schedule pods';
    const head = `0/${this.#nodes} nodes are available`;
    const reasons = histogram(this.#reasons);
    return `${head}:${reasons ? ` ${reasons}.` : ''}${postFilter ? ` ${postFilter}` : ''}`;
  }

  /** How preemption words that no pod was found whose removal would help. */
  preemptionMessage(): string {
    const counts = new Map<string, number>();
    if (this.#resolvable > 0) counts.set('No preemption victims found for incoming pod', this.#resolvable);
    if (this.#unresolvable > 0) counts.set('Preemption is not helpful for scheduling', this.#unresolvable);
    return `preemption: 0/${this.#nodes} nodes are available: ${histogram(counts)}.`;
  }
}
