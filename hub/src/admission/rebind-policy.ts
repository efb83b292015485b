import { rebindAnnotation, rebindPolicies } from '@flotilla/shared/api/rebind-policy.js';
import { invalidObject, notSupported } from '@flotilla/shared/errors/field.js';
import type { AdmissionAttributes } from '#registry/generic/types.ts';
import { type AdmissionPlugin, refuse } from './plugin.ts';

/** Whether a node may go on in another machine is right, and nothing that a board says of itself: whoever copied its key would. */
export function rebindPolicy(): AdmissionPlugin {
  return {
    name: 'RebindPolicy',
    validate(attributes) {
      if (!isNodeWrite(attributes)) return;
      const { ctx, definition, name, object, old } = attributes;
      const [now, was] = [object?.metadata?.annotations?.[rebindAnnotation], old?.metadata?.annotations?.[rebindAnnotation]];
      if (now === was) return;
      if (ctx.user.groups.includes('system:nodes')) throw refuse(attributes, `is not allowed to modify annotation ${rebindAnnotation}`);
      if (now === undefined || rebindPolicies.some((policy) => policy === now)) return;
      const fault = notSupported(`metadata.annotations[${rebindAnnotation}]`, now, rebindPolicies);
      throw invalidObject(definition.kind, definition.group, name || object?.metadata?.name || '', [fault]);
    },
  };
}

/** The status, too: annotations can be written through it. */
function isNodeWrite({ definition, operation }: AdmissionAttributes): boolean {
  return definition.group === '' && definition.resource === 'nodes' && (operation === 'CREATE' || operation === 'UPDATE');
}
