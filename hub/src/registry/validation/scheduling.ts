import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { duplicate, forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { each, named, oneOf } from './fields.ts';
import { validateLabelSelector } from './metadata.ts';
import { dnsLabel, dnsSubdomain, labelValueFaults, qualifiedName } from './names.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const hard = 'requiredDuringSchedulingIgnoredDuringExecution';
const soft = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateTolerations(tolerations: readonly Toleration[] | undefined, path: string): FieldError[] {
  return each(path, tolerations, ({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, at) => {
    const faults = key ? named(`${at}.key`, key, qualifiedName) : [];
    if (!key && operator !== 'Exists') {
      faults.push(
        invalid(`${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'),
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      faults.push(invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (operator === 'Equal' || operator === '') {
      const wrong = labelValueFaults(value);
      if (wrong.length > 0) faults.push(invalid(`${at}.operator`, value, wrong.join(';')));
    } else if (operator === 'Exists') {
      if (value) faults.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    } else faults.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    if (effect) faults.push(...oneOf(`${at}.effect`, effect, effects));
    return faults;
  });
}

/** The taints of a node: well formed, and each key and effect once. */
export function validateTaints(taints: readonly Taint[] | undefined, path: string): FieldError[] {
  const pairs = new Set<string>();
  return each(path, taints, (taint, at) => {
    const { key = '', value = '', effect = '' } = taint;
    const faults = named(`${at}.key`, key, qualifiedName);
    const wrong = labelValueFaults(value);
    if (wrong.length > 0) faults.push(invalid(`${at}.value`, value, wrong.join(';')));
    faults.push(...(effect ? oneOf(`${at}.effect`, effect, effects) : [required(`${at}.effect`)]));
    const pair = `${key}:${effect}`;
    if (pairs.has(pair)) faults.push({ ...duplicate(at, taint), detail: 'taints must be unique by key and effect pair' });
    pairs.add(pair);
    return faults;
  });
}

export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const node = `${path}.nodeAffinity`;
  if (nodeAffinity?.[hard]) faults.push(...validateNodeSelector(nodeAffinity[hard].nodeSelectorTerms ?? [], `${node}.${hard}`));
  faults.push(
    ...each(`${node}.${soft}`, nodeAffinity?.[soft], ({ weight, preference }, at) => [
      ...validateWeight(`${at}.weight`, weight),
      ...validateTerm(preference ?? {}, `${at}.preference`, false),
    ]),
  );
  for (const [field, terms] of [
    ['podAffinity', podAffinity],
    ['podAntiAffinity', podAntiAffinity],
  ] as const) {
    faults.push(...each(`${path}.${field}.${hard}`, terms?.[hard], validatePodAffinityTerm));
    faults.push(
      ...each(`${path}.${field}.${soft}`, terms?.[soft], ({ weight, podAffinityTerm }, at) => [
        ...validateWeight(`${at}.weight`, weight),
        ...(podAffinityTerm ? validatePodAffinityTerm(podAffinityTerm, `${at}.podAffinityTerm`) : [required(`${at}.podAffinityTerm`)]),
      ]),
    );
  }
  return faults;
}

function validateWeight(path: string, weight: number): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(path, weight ?? 0, 'must be in the range 1-100')];
}

function validateNodeSelector(terms: readonly NodeSelectorTerm[], path: string): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')];
  return each(at, terms, (term, where) => validateTerm(term, where, true));
}

function validateTerm({ matchExpressions, matchFields }: NodeSelectorTerm, path: string, strictValues: boolean): FieldError[] {
  return [
    ...each(`${path}.matchExpressions`, matchExpressions, (requirement, at) => validateLabelRequirement(requirement, at, strictValues)),
    ...each(`${path}.matchFields`, matchFields, validateFieldRequirement),
  ];
}

function validateLabelRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
  strictValues: boolean,
): FieldError[] {
  const faults: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) faults.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      faults.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) faults.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else faults.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'));
  faults.push(...named(`${path}.key`, key ?? '', qualifiedName));
  if (strictValues) faults.push(...each(`${path}.values`, values, (value, at) => named(at, value, labelValueFaults)));
  return faults;
}

function validateFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const faults: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') faults.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'));
  else if (values.length !== 1) {
    faults.push(required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  }
  if (key !== 'metadata.name') return [...faults, invalid(`${path}.key`, key ?? '', 'not a valid field selector key')];
  return [...faults, ...each(`${path}.values`, values, (value, at) => named(at, value, dnsSubdomain))];
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], matchLabelKeys = [], mismatchLabelKeys = [], topologyKey = '' } = term;
  const faults = [
    ...validateLabelSelector(labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...namespaces.flatMap((namespace) => named(`${path}.namespace`, namespace, dnsLabel)),
    ...validateLabelKeys(matchLabelKeys, labelSelector !== undefined, `${path}.matchLabelKeys`),
    ...validateLabelKeys(mismatchLabelKeys, labelSelector !== undefined, `${path}.mismatchLabelKeys`),
  ];
  for (const [index, key] of matchLabelKeys.entries()) {
    if (mismatchLabelKeys.includes(key)) {
      faults.push(invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
    }
  }
  if (!topologyKey) faults.push(required(`${path}.topologyKey`, 'can not be empty'));
  return [...faults, ...named(`${path}.topologyKey`, topologyKey, qualifiedName)];
}

function validateLabelKeys(keys: readonly string[], hasSelector: boolean, path: string): FieldError[] {
  if (keys.length > 0 && !hasSelector) return [forbiddenField(path, 'must not be specified when labelSelector is not set')];
  return each(path, keys, (key, at) => named(at, key, qualifiedName));
}

export function validateTopologySpread(constraints: readonly TopologySpreadConstraint[] | undefined, path: string): FieldError[] {
  return each(path, constraints, (constraint, at, index) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector, matchLabelKeys = [] } = constraint;
    const faults: FieldError[] = [];
    if (!(maxSkew > 0)) faults.push(invalid(`${at}.maxSkew`, maxSkew ?? 0, 'must be greater than zero'));
    if (!topologyKey) faults.push(required(`${at}.topologyKey`, 'can not be empty'));
    faults.push(...oneOf(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway']));
    const again = (constraints ?? [])
      .slice(index + 1)
      .some((later) => later.topologyKey === topologyKey && later.whenUnsatisfiable === whenUnsatisfiable);
    if (again) faults.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
    if (minDomains !== undefined) {
      if (minDomains <= 0) faults.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        faults.push(invalid(`${at}.minDomains`, minDomains, why));
      }
    }
    faults.push(...oneOf(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, ['Honor', 'Ignore']));
    faults.push(...oneOf(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, ['Honor', 'Ignore']));
    faults.push(...validateLabelKeys(matchLabelKeys, labelSelector !== undefined, `${at}.matchLabelKeys`));
    return [...faults, ...validateLabelSelector(labelSelector, `${at}.labelSelector`)];
  });
}
