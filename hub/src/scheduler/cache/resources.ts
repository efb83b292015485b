import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { milliValue, value } from '@flotilla/shared/quantity/quantity.js';

/**
 * Amounts of resources as plain numbers in fixed places, so that a fit is a loop over numbers. CPU counts in thousandths,
 * everything else in units. Extended resources get places as they are first seen.
 */
export const cpu = 0;
export const memory = 1;
const fixed = ['cpu', 'memory', 'ephemeral-storage'];

/** Places of resource names; the number of names is bounded, a name beyond the limit is not scheduled by. */
export class ResourceTable {
  readonly #places = new Map<string, number>(fixed.map((name, place) => [name, place]));
  readonly #names: string[] = [...fixed];

  name(place: number): string {
    return this.#names[place] ?? '';
  }

  /** The amounts in a `requests` or `allocatable` map, by place; `pods` is counted elsewhere. */
  amounts(list: Readonly<Record<string, string>> | undefined): number[] {
    const amounts: number[] = [];
    for (const [name, text] of Object.entries(list ?? {})) {
      if (name === 'pods') continue;
      amounts[this.#place(name)] = name === 'cpu' ? milliValue(text) : value(text);
    }
    return dense(amounts);
  }

  #place(name: string): number {
    let place = this.#places.get(name);
    if (place === undefined) {
      if (this.#names.length >= maxNames) throw new Error(`more than ${maxNames} kinds of resources`);
      place = this.#names.length;
      this.#names.push(name);
      this.#places.set(name, place);
    }
    return place;
  }
}

const maxNames = 1000;

function dense(amounts: number[]): number[] {
  return Array.from({ length: Math.max(amounts.length, fixed.length) }, (_, place) => amounts[place] ?? 0);
}

function combine(a: readonly number[], b: readonly number[], how: (x: number, y: number) => number): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, place) => how(a[place] ?? 0, b[place] ?? 0));
}

const plus = (x: number, y: number): number => x + y;

// What a container counts for in scoring when it asks for nothing (kube-scheduler, util/pod_resources.go).
const assumedMilliCpu = 100;
const assumedBytes = 200 * 1024 * 1024;

export interface PodRequests {
  readonly requests: readonly number[];
  readonly nonZeroMilliCpu: number;
  readonly nonZeroBytes: number;
}

/**
 * What a pod asks for: its containers and sidecars together, or its hungriest init container beside the sidecars started
 * before it, whichever is more; plus overhead (component-helpers, resource.PodRequests).
 */
export function podRequests(pod: Pod, table: ResourceTable): PodRequests {
  const exact = totalOf(pod, (container) => table.amounts(container.resources?.requests));
  const assumed = totalOf(pod, (container) => {
    const amounts = table.amounts(container.resources?.requests);
    const asked = container.resources?.requests ?? {};
    return [
      asked['cpu'] === undefined ? assumedMilliCpu : (amounts[cpu] ?? 0),
      asked['memory'] === undefined ? assumedBytes : (amounts[memory] ?? 0),
    ];
  });
  const podLevel = pod.spec?.resources?.requests;
  const own = podLevel ? table.amounts(podLevel) : [];
  const requests = [...exact];
  for (const [place, name] of [
    [cpu, 'cpu'],
    [memory, 'memory'],
  ] as const) {
    if (podLevel?.[name] === undefined) continue;
    requests[place] = own[place] ?? 0;
    assumed[place] = own[place] ?? 0;
  }
  const overhead = table.amounts(pod.spec?.overhead);
  const total = combine(requests, overhead, plus);
  return {
    requests: total,
    nonZeroMilliCpu: (assumed[cpu] ?? 0) + (overhead[cpu] ?? 0),
    nonZeroBytes: (assumed[memory] ?? 0) + (overhead[memory] ?? 0),
  };
}

function totalOf(pod: Pod, amountsOf: (container: Container) => readonly number[]): number[] {
  let running: number[] = [];
  for (const container of pod.spec?.containers ?? []) running = combine(running, amountsOf(container), plus);
  let sidecars: number[] = [];
  let starting: number[] = [];
  for (const container of pod.spec?.initContainers ?? []) {
    const amounts = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = combine(sidecars, amounts, plus);
      starting = combine(starting, sidecars, Math.max);
    } else starting = combine(starting, combine(amounts, sidecars, plus), Math.max);
  }
  return combine(combine(running, sidecars, plus), starting, Math.max);
}
