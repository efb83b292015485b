import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { since } from './human-duration.ts';
import type { TableColumn } from './types.ts';

export const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  value: (object: KubeObject) => object.metadata?.name ?? '',
};

export const ageColumn: TableColumn = {
  name: 'Age',
  type: 'string',
  description: 'When the object was created, as the time that has passed since.',
  value: (object: KubeObject, nowMs: number) => since(object.metadata?.creationTimestamp, nowMs),
};

/** A status as it was known when its board went away: `Running (offline 12m)`. */
export function withAbsence(status: string, offlineSince: string | undefined, nowMs: number): string {
  return offlineSince === undefined ? status : `${status} (offline ${since(offlineSince, nowMs)})`;
}

/** The names and images of containers as workloads show them with `-o wide`. */
export function containerColumns<T extends KubeObject>(
  containers: (object: T) => readonly { name: string; image?: string }[],
): TableColumn<T>[] {
  return [
    {
      name: 'Containers',
      type: 'string',
      priority: 1,
      description: 'Names of each container in the template.',
      value: (object) =>
        containers(object)
          .map(({ name }) => name)
          .join(','),
    },
    {
      name: 'Images',
      type: 'string',
      priority: 1,
      description: 'Images referenced by each container in the template.',
      value: (object) =>
        containers(object)
          .map(({ image }) => image ?? '')
          .join(','),
    },
  ];
}
