import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { since } from './human-duration.ts';
import type { TableColumn } from './types.ts';

/** A column that is always shown. */
export const textColumn = <T extends KubeObject>(name: string, description: string, value: TableColumn<T>['value']): TableColumn<T> => ({
  name,
  type: 'string',
  description,
  value,
});

/** A column of `-o wide`. */
export const wideColumn = <T extends KubeObject>(...of: Parameters<typeof textColumn<T>>): TableColumn<T> => ({
  ...textColumn(...of),
  priority: 1,
});

export const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  value: (object: KubeObject) => object.metadata?.name ?? '',
};

export const ageColumn: TableColumn = textColumn(
  'Age',
  'When the object was created, as the time that has passed since.',
  (object: KubeObject, nowMs: number) => since(object.metadata?.creationTimestamp, nowMs),
);

/** A status as it was known when its board went away: `Running (offline 12m)`. */
export function withAbsence(status: string, offlineSince: string | undefined, nowMs: number): string {
  return offlineSince === undefined ? status : `${status} (offline ${since(offlineSince, nowMs)})`;
}

/** The names and images of containers as workloads show them with `-o wide`. */
export function containerColumns<T extends KubeObject>(
  containers: (object: T) => readonly { name: string; image?: string }[],
): TableColumn<T>[] {
  return [
    wideColumn('Containers', 'Names of each container in the template.', (object) =>
      containers(object)
        .map(({ name }) => name)
        .join(','),
    ),
    wideColumn('Images', 'Images referenced by each container in the template.', (object) =>
      containers(object)
        .map(({ image }) => image ?? '')
        .join(','),
    ),
  ];
}
