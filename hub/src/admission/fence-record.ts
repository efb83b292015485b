import { fenceAnnotations, outOfService } from '@flotilla/shared/api/fence.js';
import type { Node } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { type AdmissionEnv, type AdmissionPlugin, isResource } from './plugin.ts';

/** Whoever says that a node is out of service is written down on it, with the time, and cannot say that it was somebody else. */
export function fenceRecord({ clock }: AdmissionEnv): AdmissionPlugin {
  return {
    name: 'FenceRecord',
    mutate(attributes) {
      if (!isResource(attributes, 'nodes') || (attributes.operation !== 'CREATE' && attributes.operation !== 'UPDATE')) return;
      const node = attributes.object as Node;
      const old = attributes.old as Node | undefined;
      const { by, at } = fenceAnnotations;
      const { [by]: _by, [at]: _at, ...annotations } = node.metadata?.annotations ?? {};
      const record: Record<string, string> = {};
      if (isFenced(node)) {
        const was = isFenced(old) ? old?.metadata?.annotations : undefined;
        record[by] = was?.[by] ?? attributes.ctx.user.name;
        record[at] = was?.[at] ?? kubeTime(clock.wallMs());
      } else if (_by === undefined && _at === undefined) return;
      node.metadata = { ...node.metadata, annotations: { ...annotations, ...record } };
    },
  };
}

function isFenced(node: Node | undefined): boolean {
  return node?.spec?.taints?.some(({ key, effect }) => key === outOfService.key && effect === outOfService.effect) ?? false;
}
