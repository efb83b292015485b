import { createHash } from 'node:crypto';
import type { Node } from '@flotilla/shared/api/generated/types.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { CidrPool } from './cidr-pool.ts';

export interface NodeIpamOptions {
  /** The range all pods of the fleet live in; 100.64.0.0/10 when left out. */
  readonly clusterCidr?: string;
  /** The size of a node's share; 26 when left out (62 pods). */
  readonly nodePrefix?: number;
  /**
   * Who this cluster is. Two that meet on one machine (an old one's networks outlive it) begin at different places of the range, so
   * that they do not get in each other's way; without it the first node gets the first share.
   */
  readonly clusterId?: string;
}

/** Gives every node a `spec.podCIDR` of its own; kept on the Node, so that it survives everything. Keys are nodes. */
export function createNodeIpamController({ client, recorder, logger }: ControllerEnv, options: NodeIpamOptions = {}): Controller {
  const nodes = client.informer<Node>('', 'nodes');
  const resource = client.resource<Node>('', 'nodes');
  const pool = new CidrPool(options.clusterCidr ?? '100.64.0.0/10', options.nodePrefix ?? 26, placeOf(options.clusterId));
  const occupy = (node: Node): void => {
    try {
      if (node.spec?.podCIDR) pool.occupy(node.spec.podCIDR);
    } catch (error) {
      logger.debug('a podCIDR that is not of this pool', { node: objectKey(node), error });
    }
  };
  const release = (node: Node): void => {
    const cidr = node.spec?.podCIDR;
    if (!cidr || nodes.list().some((other) => other.spec?.podCIDR === cidr)) return;
    try {
      pool.release(cidr);
    } catch (error) {
      logger.debug('a podCIDR that is not of this pool', { node: objectKey(node), error });
    }
  };
  return {
    watch(queue) {
      nodes.on({
        added: (node) => {
          occupy(node);
          queue.add(objectKey(node));
        },
        updated: occupy,
        deleted: release,
      });
    },
    *keys() {
      for (const node of nodes.list()) if (!node.spec?.podCIDR) yield objectKey(node);
    },
    async reconcile(key) {
      const node = nodes.get(key);
      if (!node || node.spec?.podCIDR || node.metadata?.deletionTimestamp) return undefined;
      const podCIDR = pool.allocate();
      if (!podCIDR) {
        recorder.event(node, 'Normal', 'CIDRNotAvailable', `Node ${key} status is now: CIDRNotAvailable`);
        throw new Error(`no pod addresses are left for node ${key}`);
      }
      let kept = false;
      try {
        const after = await resource.update('', key, (current) =>
          current.spec?.podCIDR ? current : { ...current, spec: { ...current.spec, podCIDR, podCIDRs: [podCIDR] } },
        );
        kept = after.spec?.podCIDR === podCIDR;
      } finally {
        if (!kept) pool.release(podCIDR);
      }
      return undefined;
    },
  };
}

function placeOf(clusterId: string | undefined): number {
  return clusterId === undefined ? 0 : createHash('sha256').update(clusterId).digest().readUInt32BE(0);
}
