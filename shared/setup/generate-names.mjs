/**
 * From the class names of @kubernetes/client-node to Kubernetes' own names. The client drops the group of a type
 * (`V1Pod`), so the group is found through the API class that mentions the type, directly or through other types.
 */

/** The first part of `io.k8s.api.<group>` for API classes whose name is not the group's. */
const groupOfClass = { InternalApiserver: 'apiserverinternal', FlowcontrolApiserver: 'flowcontrol', RbacAuthorization: 'rbac' };

/** `apiVersion` groups that are not the short name itself. */
const fullGroups = {
  core: '',
  apps: 'apps',
  autoscaling: 'autoscaling',
  batch: 'batch',
  policy: 'policy',
  rbac: 'rbac.authorization.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  apiserverinternal: 'internal.apiserver.k8s.io',
};

const packages = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

const metaTypes = new Set(
  `APIGroup APIGroupList APIResource APIResourceList APIVersions Condition DeleteOptions FieldSelectorRequirement
  GroupVersionForDiscovery LabelSelector LabelSelectorRequirement ListMeta ManagedFieldsEntry ObjectMeta OwnerReference
  Preconditions ServerAddressByClientCIDR Status StatusCause StatusDetails WatchEvent`.split(/\s+/),
);

/** Types that another group's API class mentions first. */
const placed = {
  V1Scale: 'autoscaling',
  V1ScaleSpec: 'autoscaling',
  V1ScaleStatus: 'autoscaling',
  V1Eviction: 'policy',
  V1TopologySelectorTerm: 'core',
  V1TopologySelectorLabelRequirement: 'core',
};

const versionPattern = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)([A-Z].*)$/;

/** @returns {{prefix: string, version: string, name: string} | undefined} */
export function splitClassName(className) {
  const match = versionPattern.exec(className);
  return match ? { prefix: match[1] ?? '', version: match[2].toLowerCase(), name: match[3] } : undefined;
}

/** The interface in `types.ts`: no prefix for v1, the version kept for others, the group kept where v1 needs it. */
export function interfaceName(className) {
  const parts = splitClassName(className);
  if (!parts) return className;
  const prefix = parts.prefix === 'Core' ? '' : parts.prefix;
  const version = parts.version === 'v1' ? '' : `V${parts.version.slice(1)}`;
  return `${prefix}${version}${parts.name}`;
}

export function fullGroup(group) {
  return fullGroups[group] ?? `${group}.k8s.io`;
}

/**
 * @param {Map<string, Set<string>>} references class → the classes its fields mention
 * @param {{group: string, version: string, classes: string[]}[]} apis what each API class mentions
 * @returns {Map<string, {group: string, version: string, name: string, definition: string}>}
 */
export function assignGroups(references, apis) {
  const groups = new Map();
  for (const className of references.keys()) {
    const parts = splitClassName(className);
    if (!parts) continue;
    if (parts.prefix) groups.set(className, parts.prefix.toLowerCase());
    else if (parts.version === 'v1' && metaTypes.has(parts.name)) groups.set(className, 'meta');
    else if (placed[className]) groups.set(className, placed[className]);
  }
  const named = [...groups].filter(([className]) => splitClassName(className)?.prefix);
  const known = named.map(([className, group]) => ({ group, version: splitClassName(className)?.version, classes: [className] }));
  const coreFirst = [...apis, ...known].sort((a, b) => Number(b.group === 'core') - Number(a.group === 'core'));
  for (const { group, version, classes } of coreFirst) {
    const seen = new Set();
    const queue = [...classes];
    for (let className = queue.pop(); className !== undefined; className = queue.pop()) {
      if (seen.has(className)) continue;
      seen.add(className);
      const owner = groups.get(className);
      if (owner === undefined && splitClassName(className)?.version === version) groups.set(className, group);
      if (owner === undefined || owner === group) queue.push(...(references.get(className) ?? []));
    }
  }
  const result = new Map();
  for (const className of references.keys()) {
    const parts = splitClassName(className);
    if (!parts) continue;
    const group = groups.get(className);
    if (group === undefined) continue;
    const base = packages[group] ?? `io.k8s.api.${group}`;
    result.set(className, { group, version: parts.version, name: parts.name, definition: `${base}.${parts.version}.${parts.name}` });
  }
  return result;
}

/** `AppsV1Api` → apps/v1; undefined for classes that serve no version (`AppsApi`, `LogsApi`). */
export function groupOfApiClass(apiClass) {
  const match = /^([A-Z][A-Za-z]*?)(V\d+(?:(?:alpha|beta)\d+)?)Api$/.exec(apiClass);
  return match ? { group: groupOfClass[match[1]] ?? match[1].toLowerCase(), version: match[2].toLowerCase() } : undefined;
}
