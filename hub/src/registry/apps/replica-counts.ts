import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid } from '@flotilla/shared/errors/field.js';
import { nonNegative } from '#registry/validation/fields.ts';

type Counts<F extends string> = { readonly [field in F | 'replicas' | 'readyReplicas' | 'availableReplicas']?: number };

/**
 * The counts of a workload's status (apps/validation): none is negative, and no more pods are available than are ready.
 * @param parts those of `replicas`, none of which is greater
 */
export function validateCounts<F extends string>(status: Counts<F> | undefined, counters: readonly F[], parts: readonly F[]): FieldError[] {
  const counts: Counts<F> = status ?? {};
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = counts;
  const faults = counters.flatMap((field) => nonNegative(`status.${field}`, counts[field]));
  for (const field of parts) {
    const amount = counts[field] ?? 0;
    if (amount > replicas) faults.push(invalid(`status.${field}`, amount, 'cannot be greater than status.replicas'));
  }
  if (availableReplicas > readyReplicas)
    faults.push(invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
  return faults;
}
