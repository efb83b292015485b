import { offlineWords } from '@flotilla/shared/api/offline.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest, StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { NodeConnector, NodeStream, NodeStreamRequest, ResourceRegistry } from '#registry/generic/types.ts';
import { replyText } from '../answers.ts';
import type { ApiRequest, UpgradeOffer } from '../exchange.ts';
import type { ResourceTarget } from '../request-info.ts';

export interface PodView extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly { readonly name: string; readonly ports?: readonly { readonly containerPort: number }[] }[];
  };
  readonly status?: { readonly podIP?: string };
}

/** A pod on a board that is there. */
export interface PodTarget {
  readonly pod: PodView;
  readonly node: string;
  readonly reference: NodeStreamRequest['pod'];
}

export interface StreamDoors {
  readonly connector: NodeConnector;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Writes down who broke a rule of its protocol, or a bound. */
export function brokenBy({ ctx, info, exchange }: ApiRequest, logger: Logger): (why: string) => void {
  const { namespace, name, subresource } = info.resource ?? {};
  return (why) =>
    logger.warn('ended a stream that broke the rules', {
      ...{ user: ctx.user.name, subresource, namespace, name, remote: exchange.remoteAddress },
      error: why,
    });
}

/** @throws StatusError NotFound, BadRequest for a pod that no board has, Unavailable while its board is away */
export function podOf(connector: NodeConnector, pod: PodView): PodTarget {
  const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
  const node = pod.spec?.nodeName;
  if (!node) throw badRequest(`pod ${name} does not have a host assigned`);
  const awaySinceMs = connector.awaySinceMs(node);
  if (awaySinceMs !== undefined) throw unavailable(offlineWords(node, kubeTime(awaySinceMs)));
  return { pod, node, reference: { namespace, name, uid } };
}

export function findPod(
  { ctx }: ApiRequest,
  resource: ResourceRegistry,
  { namespace, name }: Pick<ResourceTarget, 'namespace' | 'name'>,
): PodView {
  return resource.get(ctx, namespace, name).object;
}

/** @throws StatusError BadRequest as kube-apiserver words it */
export function offerOf({ exchange: { upgrade } }: ApiRequest): UpgradeOffer {
  if (!upgrade) throw badRequest('Upgrade request required');
  return upgrade;
}

/**
 * Waits for the board's consent, so that its refusal can still be told in HTTP: in plain text, as the kubelet does; kubectl shows it
 * behind `unable to upgrade connection:`. Resolves with false when it was refused.
 */
export async function isOpened({ exchange }: ApiRequest, { opened }: NodeStream): Promise<boolean> {
  try {
    await opened;
    return true;
  } catch (error) {
    if (!(error instanceof StatusError) || error.code === 503 || error.code === 429) throw error;
    await replyText(exchange, error.code, error.message);
    return false;
  }
}
