import type { PodTemplate } from '@flotilla/shared/api/generated/types.js';
import { validatePodTemplate } from '#registry/apps/pod-template.ts';
import { containerColumns, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import { metadataOf } from '#registry/generic/object-meta.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';
import { podWarnings } from '#registry/validation/pod-warnings.ts';
import { defaultPodSpec } from './pod-defaults.ts';

function labels({ template }: PodTemplate): string {
  const pairs = Object.entries(template?.metadata?.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([key, value]) => `${key}=${value}`).join(',') || '<none>';
}

/** A pod to be made by whoever reads it; nothing of the hub does. */
export const podTemplates: ResourceDefinition<PodTemplate> = {
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  resource: 'podtemplates',
  singular: 'podtemplate',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  returnsDeletedObject: true,
  strategy: {
    default(object) {
      object.template ??= {};
      object.template.metadata ??= {};
      object.template.spec ??= { containers: [] };
      defaultPodSpec(object.template.spec);
    },
    prepareForCreate(object) {
      metadataOf(object).generation = 1;
    },
    prepareForUpdate(object, old) {
      if (!semanticEqual(object.template, old.template)) metadataOf(object).generation = (old.metadata?.generation ?? 0) + 1;
    },
    validate: (object) => [
      ...validateMetadata(object, { namespaced: true, name: subdomainName }),
      ...validatePodTemplate(object.template, 'template'),
    ],
    validateUpdate: ({ template }) => validatePodTemplate(template, 'template'),
    warnings: ({ template }) => podWarnings(template?.metadata, template?.spec, 'template.spec'),
  },
  columns: [
    nameColumn,
    ...containerColumns<PodTemplate>(({ template }) => template?.spec?.containers ?? []).map((column) => ({ ...column, priority: 0 })),
    textColumn('Pod Labels', 'The labels for the pod template.', labels),
  ],
};
