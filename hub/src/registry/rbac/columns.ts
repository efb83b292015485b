import type { RoleRef, RbacSubject as Subject } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { ageColumn, nameColumn, textColumn, wideColumn } from '#registry/generic/columns.ts';
import type { TableColumn } from '#registry/generic/types.ts';

/** Roles show the time itself, not their age. */
export const roleColumns: readonly TableColumn[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the role was made.',
    value: ({ metadata }: KubeObject) => metadata?.creationTimestamp ?? '',
  },
];

type Binding = KubeObject & { readonly subjects?: readonly Subject[]; readonly roleRef: RoleRef };

const subjectsColumn = (name: string, kind: string): TableColumn<Binding> =>
  wideColumn(name, `The ${name} it is for.`, ({ subjects = [] }) =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace}/${subject.name}` : subject.name))
      .join(', '),
  );

export const bindingColumns: readonly TableColumn<Binding>[] = [
  nameColumn,
  textColumn('Role', 'The role it gives.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  subjectsColumn('Users', 'User'),
  subjectsColumn('Groups', 'Group'),
  subjectsColumn('ServiceAccounts', 'ServiceAccount'),
];
