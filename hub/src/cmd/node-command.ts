import { outOfService } from '@flotilla/shared/api/fence.js';
import type { Node, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import { isConflict, isNotFound } from '@flotilla/shared/errors/status.js';
import { type ApiClient, apiClient } from './api-client.ts';
import { confirmed } from './confirmed.ts';

export interface FenceCommandOptions {
  readonly yes?: boolean;
  readonly kubeconfig?: string;
}

const attempts = 5;
/** Pods that are deleted at once. */
const parallel = 8;

/**
 * The operator's word that a board which is away runs nothing any more: the taint of a node that is out of service, and its pods gone
 * from the API at once, so that others may run in their place. The hub writes down who said so and when.
 */
export async function fenceNode(name: string, options: FenceCommandOptions): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const node = await api.get<Node>(pathOf(name));
  if (isReady(node))
    throw new Error(`node ${name} is ready: what it runs would run on; fence only a board that is away, else use kubectl drain`);
  const pods = await podsOf(api, name);
  process.stdout.write(
    `node ${name} is away. Its ${pods.length} pods will be deleted without a word from it, and others may run in their place.\n` +
      'Fence it only when its board is switched off, or cut off for good from all that its pods act on.\n',
  );
  if (!options.yes && !(await confirmed(`Fence ${name}?`))) throw new Error('nothing was done');
  await changeTaints(api, name, (taints) => [...taints.filter((taint) => !isFence(taint)), { ...outOfService }]);
  // What was bound to it meanwhile, too.
  const doomed = await podsOf(api, name);
  for (let from = 0; from < doomed.length; from += parallel) {
    await Promise.all(doomed.slice(from, from + parallel).map((pod) => remove(api, pod)));
  }
  process.stdout.write(`fenced ${name}: ${doomed.length} pods deleted\n`);
}

/** The board may have pods again. */
export async function unfenceNode(name: string, options: { readonly kubeconfig?: string }): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const had = await changeTaints(api, name, (taints) => taints.filter((taint) => !isFence(taint)));
  process.stdout.write(had.some(isFence) ? `unfenced ${name}\n` : `${name} was not fenced\n`);
}

type Taints = NonNullable<NonNullable<Node['spec']>['taints']>;

const pathOf = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;
const isFence = ({ key, effect }: Taints[number]): boolean => key === outOfService.key && effect === outOfService.effect;
const isReady = ({ status }: Node): boolean => status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

async function podsOf(api: ApiClient, node: string): Promise<readonly Pod[]> {
  const selector = encodeURIComponent(`spec.nodeName=${node}`);
  return (await api.get<PodList>(`/api/v1/pods?fieldSelector=${selector}`)).items ?? [];
}

/** The taints as they were. Tried again when somebody else wrote first. */
async function changeTaints(api: ApiClient, name: string, change: (taints: Taints) => Taints): Promise<Taints> {
  for (let attempt = 1; ; attempt++) {
    const node = await api.get<Node>(pathOf(name));
    const had = node.spec?.taints ?? [];
    try {
      await api.put(pathOf(name), { ...node, spec: { ...node.spec, taints: change(had) } });
      return had;
    } catch (error) {
      if (!isConflict(error) || attempt === attempts) throw error;
    }
  }
}

async function remove(api: ApiClient, { metadata }: Pod): Promise<void> {
  const { namespace = '', name = '', uid = '' } = metadata ?? {};
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
  try {
    await api.delete(path, { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    // The hub removes what is marked for deletion there, too.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
