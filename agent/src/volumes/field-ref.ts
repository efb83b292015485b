import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '@flotilla/shared/api/generated/types.js';
import { milliValue, value } from '@flotilla/shared/quantity/quantity.js';

/** What the downward API tells beside the pod itself. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  /** Allocatable of the node: what a container without a limit may use. */
  readonly allocatable: Readonly<Record<string, string>>;
}

export interface FieldContext extends NodeFacts {
  readonly pod: Pod;
  readonly podIPs: readonly string[];
}

/** The value of a `fieldRef` (after Kubernetes' `pkg/fieldpath`). @throws Error for a field that is not served */
export function fieldValue({ fieldPath }: ObjectFieldSelector, context: FieldContext): string {
  const { pod } = context;
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(fieldPath);
  if (subscript) return metadata?.[subscript[1] === 'labels' ? 'labels' : 'annotations']?.[subscript[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata?.name ?? '';
    case 'metadata.namespace':
      return metadata?.namespace ?? '';
    case 'metadata.uid':
      return metadata?.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata?.labels);
    case 'metadata.annotations':
      return formatMap(metadata?.annotations);
    case 'spec.nodeName':
      return spec?.nodeName ?? context.nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.hostIP':
      return context.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return context.hostIPs.join(',');
    case 'status.podIP':
      return context.podIPs[0] ?? '';
    case 'status.podIPs':
      return context.podIPs.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** The value of a `resourceFieldRef` in units of its divisor, rounded up (after `pkg/api/v1/resource`). */
export function resourceValue(
  selector: ResourceFieldSelector,
  container: Container,
  allocatable: Readonly<Record<string, string>>,
): string {
  const [kind = '', ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  const { limits, requests } = container.resources ?? {};
  if (
    (kind !== 'limits' && kind !== 'requests') ||
    !(['cpu', 'memory', 'ephemeral-storage'].includes(resource) || resource.startsWith('hugepages-'))
  ) {
    throw new Error(`unsupported container resource : ${selector.resource}`);
  }
  const amount = kind === 'limits' ? (limits?.[resource] ?? allocatable[resource]) : (requests?.[resource] ?? '0');
  const divisor = selector.divisor && selector.divisor !== '0' ? selector.divisor : '1';
  // Millis keep a divisor like 1m exact; nothing a board has needs more than 2^53 of them but memory, which goes by whole bytes.
  if (resource === 'cpu') return String(Math.ceil(milliValue(amount) / milliValue(divisor)));
  return String(Math.ceil(value(amount) / Math.max(1, value(divisor))));
}

function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${JSON.stringify(map?.[key])}`)
    .join('\n');
}
