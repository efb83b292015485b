import type { Container, PodTemplateSpec } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import type { KubeObject, LabelSelector } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import { defaultPodSpec } from '#registry/core/pod-defaults.ts';
import { containerColumns, wideColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import type { TableColumn } from '#registry/generic/types.ts';
import { validateAnnotations, validateLabelSelector, validateLabels } from '#registry/validation/metadata.ts';
import { dnsLabel } from '#registry/validation/names.ts';
import { validatePodSpec } from '#registry/validation/pod-spec.ts';
import { podWarnings } from '#registry/validation/pod-warnings.ts';

interface WithTemplate {
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
}

/** One pod, of a template that is complete. */
export function defaultReplicas(spec: { replicas?: number; template?: PodTemplateSpec }): void {
  spec.replicas ??= 1;
  spec.template ??= {};
  spec.template.spec ??= { containers: [] };
  defaultPodSpec(spec.template.spec);
}

/** Selector and template of a workload whose pods run for ever (apps/validation, ValidatePodTemplateSpecForReplicaSet). */
export function validateSelectorAndTemplate({ selector, template }: WithTemplate, path = 'spec'): FieldError[] {
  const faults: FieldError[] = [];
  if (!selector) faults.push(required(`${path}.selector`));
  const selectorFaults = validateLabelSelector(selector, `${path}.selector`);
  faults.push(...selectorFaults);
  const isEmpty = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0) === 0;
  // The words are the same for ReplicaSets.
  if (selector && isEmpty) faults.push(invalid(`${path}.selector`, selector, 'empty selector is invalid for deployment'));
  if (selectorFaults.length > 0) return [...faults, invalid(`${path}.selector`, selector, 'invalid label selector')];
  const labels = template?.metadata?.labels;
  const at = `${path}.template`;
  if (!(selector && isEmpty) && !labelSelector(selector).matches(labels)) {
    faults.push(invalid(`${at}.metadata.labels`, labels, '`selector` does not match template `labels`'));
  }
  return [...faults, ...validateLastingTemplate(template, at, 'ReplicaSet')];
}

/** @param spec a workload's whose selector may not change */
export function validateSelectorKept({ selector }: WithTemplate, old: WithTemplate | undefined): FieldError[] {
  return semanticEqual(selector, old?.selector) ? [] : [invalid('spec.selector', selector, 'field is immutable')];
}

/** What any template of pods has to be (core/validation, ValidatePodTemplateSpec). */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  const { metadata, spec } = template ?? {};
  const faults = [
    ...validateLabels(metadata?.labels, `${path}.labels`),
    ...validateAnnotations(metadata?.annotations, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`, false),
  ];
  if (spec?.ephemeralContainers?.length)
    faults.push(forbiddenField(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  return faults;
}

/** A template of pods that run for ever. */
export function validateLastingTemplate(template: PodTemplateSpec | undefined, path: string, kind: string): FieldError[] {
  const faults = validatePodTemplate(template, path);
  const { spec } = template ?? {};
  if (spec?.restartPolicy !== 'Always') faults.push(notSupported(`${path}.spec.restartPolicy`, spec?.restartPolicy, ['Always']));
  if (spec?.activeDeadlineSeconds !== undefined) {
    faults.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return faults;
}

/** Pods take the name of their workload as the beginning of theirs, and its template as what they are. */
export function workloadWarnings({ metadata, spec }: KubeObject & { readonly spec?: Pick<WithTemplate, 'template'> }): string[] {
  const faults = dnsLabel(metadata?.name ?? '');
  const why = 'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return [
    ...(faults.length > 0 ? [`${why}: [${faults.join(' ')}]`] : []),
    ...podWarnings(spec?.template?.metadata, spec?.template?.spec, 'spec.template.spec'),
  ];
}

/** The wide columns of a workload. */
export function workloadColumns<T extends KubeObject>(
  containers: (object: T) => readonly Container[],
  selector: (object: T) => string,
): TableColumn<T>[] {
  return [...containerColumns(containers), wideColumn('Selector', 'Which pods belong to it.', selector)];
}
