import type { ResourceRequirements } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, notFoundField, required } from '@flotilla/shared/errors/field.js';
import { compareQuantities, formatQuantity, parseQuantity, type Quantity, QuantityError } from '@flotilla/shared/quantity/quantity.js';
import { qualifiedName } from './names.ts';

const billion = 1_000_000_000n;
const standardNames = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'pods',
]);
const containerNames = new Set(['cpu', 'memory', 'ephemeral-storage']);
const hugePages = 'hugepages-';

/** The quantity, or the fault that says why it is none. */
export function readQuantity(path: string, text: string): Quantity | FieldError {
  try {
    return parseQuantity(String(text));
  } catch (error) {
    if (error instanceof QuantityError) return invalid(path, text, error.message);
    throw error;
  }
}

export function isFault(value: Quantity | FieldError): value is FieldError {
  return 'detail' in value;
}

/** An amount of a resource: not negative, and whole where a resource only comes in wholes. */
export function validateResourceAmount(path: string, name: string, text: string): FieldError[] {
  const quantity = readQuantity(path, text);
  if (isFault(quantity)) return [quantity];
  const faults: FieldError[] = [];
  if (quantity.nano < 0n) faults.push(invalid(path, formatQuantity(quantity), 'must be greater than or equal to 0'));
  if (isInteger(name) && quantity.nano % billion !== 0n) faults.push(invalid(path, formatQuantity(quantity), 'must be an integer'));
  return faults;
}

/** `resources` of a container. */
export function validateContainerResources({ limits = {}, requests = {}, claims = [] }: ResourceRequirements, path: string): FieldError[] {
  const faults: FieldError[] = [];
  for (const [name, text] of Object.entries(limits)) {
    const at = `${path}.limits[${name}]`;
    faults.push(...validateContainerResourceName(at, name), ...validateResourceAmount(at, name, text));
  }
  for (const [name, text] of Object.entries(requests)) {
    const at = `${path}.requests[${name}]`;
    faults.push(...validateContainerResourceName(at, name), ...validateResourceAmount(at, name, text));
    faults.push(...validateAgainstLimit(path, name, text, limits[name]));
  }
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)]);
  if ([...names].some((name) => name.startsWith(hugePages)) && !names.has('cpu') && !names.has('memory')) {
    faults.push(forbiddenField(path, 'HugePages require cpu or memory'));
  }
  // Claims of a pod are not served, so that a container has none to use.
  for (const [index, { name }] of claims.entries()) {
    const none = notFoundField(`${path}.claims[${index}]`, name);
    faults.push({ ...none, detail: 'must be one of the names in pod.spec.resourceClaims which is empty' });
  }
  return faults;
}

function validateAgainstLimit(path: string, name: string, text: string, limitText: string | undefined): FieldError[] {
  if (limitText === undefined)
    return mayOvercommit(name) ? [] : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  const [request, limit] = [readQuantity(path, text), readQuantity(path, limitText)];
  if (isFault(request) || isFault(limit)) return [];
  const order = compareQuantities(request, limit);
  const words = (relation: string): FieldError =>
    invalid(`${path}.requests`, formatQuantity(request), `must be ${relation} ${name} limit of ${formatQuantity(limit)}`);
  if (order !== 0 && !mayOvercommit(name)) return [words('equal to')];
  return order > 0 ? [words('less than or equal to')] : [];
}

function validateContainerResourceName(path: string, name: string): FieldError[] {
  const faults = qualifiedName(name).map((why) => invalid(path, name, why));
  if (faults.length > 0) {
    const standard = name.includes('/') ? [] : [invalid(path, name, 'must be a standard resource for containers')];
    return [...faults, ...standard];
  }
  if (!name.includes('/')) {
    if (!standardNames.has(name) && !name.startsWith(hugePages)) {
      faults.push(invalid(path, name, 'must be a standard resource type or fully qualified'));
    }
    if (!containerNames.has(name) && !name.startsWith(hugePages))
      faults.push(invalid(path, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && name.startsWith('requests.')) {
    faults.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
  return faults;
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

function mayOvercommit(name: string): boolean {
  return isNative(name) && !name.startsWith(hugePages);
}

function isInteger(name: string): boolean {
  return name === 'pods' || (name.includes('/') && !isNative(name));
}
