import type { PolicyRule, RoleRef, RbacSubject as Subject } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { each, named, oneOf, requiredName } from './fields.ts';
import { pathSegment, subdomainName } from './names.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

/** The rules of a Role, or of a ClusterRole (kubernetes, `pkg/apis/rbac/validation`). */
export function validateRules(rules: readonly PolicyRule[] | null | undefined, { namespaced }: { namespaced: boolean }): FieldError[] {
  return each('rules', rules ?? [], (rule, path) => validateRule(rule, path, namespaced));
}

function validateRule(rule: PolicyRule, path: string, namespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const faults: FieldError[] = [];
  if (!verbs?.length) faults.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (namespaced) faults.push(invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      faults.push(invalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
    }
    return faults;
  }
  if (apiGroups.length === 0) faults.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0) faults.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  return faults;
}

/** @param kinds what may be referred to */
export function validateRoleRef(ref: RoleRef | undefined, kinds: readonly string[]): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = ref ?? {};
  return [
    ...oneOf('roleRef.apiGroup', apiGroup, [rbacGroup]),
    ...oneOf('roleRef.kind', kind, kinds),
    ...requiredName('roleRef.name', name, pathSegment),
  ];
}

/** @param namespaced a service account may be one of the binding's own namespace */
export function validateSubjects(subjects: readonly Subject[] | undefined, namespaced: boolean): FieldError[] {
  return each('subjects', subjects, (subject, path) => validateSubject(subject, path, namespaced));
}

function validateSubject({ kind, name, namespace, apiGroup = '' }: Subject, path: string, namespaced: boolean): FieldError[] {
  const faults = name ? [] : [required(`${path}.name`)];
  switch (kind) {
    case 'ServiceAccount':
      if (name) faults.push(...named(`${path}.name`, name, (text) => subdomainName(text, false)));
      if (apiGroup) faults.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespace && !namespaced) faults.push(required(`${path}.namespace`));
      return faults;
    case 'User':
    case 'Group':
      return [...faults, ...oneOf(`${path}.apiGroup`, apiGroup, [rbacGroup])];
    default:
      return [...faults, notSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group'])];
  }
}

/** Fills in what Kubernetes' `SetDefaults_Subject` and `SetDefaults_RoleRef` fill in, and the fields that its structs always write. */
export function defaultBinding(binding: { subjects?: Subject[]; roleRef?: RoleRef }): void {
  const { roleRef } = binding;
  binding.roleRef = { ...roleRef, apiGroup: roleRef?.apiGroup || rbacGroup, kind: roleRef?.kind ?? '', name: roleRef?.name ?? '' };
  for (const subject of binding.subjects ?? []) {
    subject.kind ??= '';
    subject.name ??= '';
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = rbacGroup;
  }
}

interface Rules {
  rules?: PolicyRule[] | null;
}

/** A null for rules is as good as none: nobody owns it. */
export function defaultRules(role: { rules?: PolicyRule[] }): void {
  const given = role as Rules;
  if (given.rules === null) delete given.rules;
  for (const rule of given.rules ?? []) (rule as { verbs?: string[] | null }).verbs ??= null;
}

/** A role without rules is stored with the null that Kubernetes writes for them. */
export function nullRules(role: { rules?: PolicyRule[] }): void {
  if (!role.rules?.length) (role as Rules).rules = null;
}
