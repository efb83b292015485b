import { configMaps } from '@flotilla/hub/registry/core/config-map.js';
import { namespaces } from '@flotilla/hub/registry/core/namespace.js';
import type { ResourceDefinition, Strategy } from '@flotilla/hub/registry/generic/types.js';
import type { Binding, Pod } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';

/** The kinds controllers work on without the defaults and validation of the real ones: for tests that send odd objects. */
interface Plain extends KubeObject {
  spec?: unknown;
  status?: unknown;
}

const anything: Strategy = { validate: () => [], validateUpdate: () => [] };

const main: Strategy<Plain> = {
  ...anything,
  prepareForCreate(object) {
    object.metadata = { ...object.metadata, generation: 1 };
  },
  prepareForUpdate(object, old) {
    if (old.status === undefined) delete object.status;
    else object.status = old.status;
    if (JSON.stringify(object.spec) === JSON.stringify(old.spec)) return;
    object.metadata = { ...object.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  },
};

const onlyStatus: Strategy<Plain> = {
  ...anything,
  prepareForUpdate(object, old) {
    object.spec = old.spec;
  },
};

interface Shape {
  readonly group?: string;
  readonly namespaced?: boolean;
  readonly strategy?: Strategy;
}

function plain(kind: string, { group = '', namespaced = true, strategy = main as Strategy }: Shape = {}): ResourceDefinition {
  const singular = kind.toLowerCase();
  const names = { group, version: 'v1', kind };
  const status = { name: 'status', kind: names, verbs: [], strategy: onlyStatus as Strategy };
  return { ...names, resource: `${singular}s`, singular, namespaced, schema: '', strategy, columns: [], subresources: [status] };
}

const pods = plain('Pod');

export const allKinds: readonly ResourceDefinition[] = [
  namespaces as ResourceDefinition,
  configMaps as ResourceDefinition,
  {
    ...pods,
    graceful(object, asked) {
      const { spec } = object as Pod;
      return spec?.nodeName ? (asked ?? spec.terminationGracePeriodSeconds ?? 30) : 0;
    },
    subresources: [
      ...(pods.subresources ?? []),
      {
        name: 'binding',
        kind: { group: '', version: 'v1', kind: 'Binding' },
        verbs: [],
        strategy: anything,
        apply: (object, view): KubeObject => {
          const { spec } = object as Pod;
          const bound: Pod = {
            ...object,
            spec: { ...spec, containers: spec?.containers ?? [], nodeName: (view as Binding).target.name ?? '' },
          };
          return bound;
        },
      },
    ],
  },
  plain('Node', { namespaced: false }),
  plain('ServiceAccount', { strategy: anything }),
  plain('Event', { strategy: anything }),
  plain('Deployment', { group: 'apps' }),
  plain('ReplicaSet', { group: 'apps' }),
];
