import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';

interface Container {
  readonly name: string;
}

interface ContainersView extends KubeObject {
  readonly spec?: {
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
  };
}

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';

/** The container asked for, or the only one. @throws StatusError BadRequest in kube-apiserver's words */
export function chosenContainer(pod: ContainersView, asked: string): string {
  const podName = pod.metadata?.name ?? '';
  const names = (of: readonly Container[] | undefined): string[] => (of ?? []).map(({ name }) => name);
  const containers = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  if (asked) {
    if ([...containers, ...init, ...names(pod.spec?.ephemeralContainers)].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${podName}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only;
  const preferred = pod.metadata?.annotations?.[defaultContainerAnnotation];
  if (preferred && containers.includes(preferred)) return preferred;
  const named = `a container name must be specified for pod ${podName}, choose one of: [${containers.join(' ')}]`;
  throw badRequest(init.length > 0 ? `${named} or one of the init containers: [${init.join(' ')}]` : named);
}
