import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { type AdmissionPlugin, isResource, refuse } from './plugin.ts';

/** The two classes that exist in every Kubernetes (scheduling/v1). */
const systemClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** Turns the class a pod names into the number the scheduler orders by. */
export function priority(): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate(attributes) {
      if (attributes.operation !== 'CREATE' || !isResource(attributes, 'pods')) return;
      const spec = (attributes.object as Pod).spec;
      if (!spec) return;
      const className = spec.priorityClassName ?? '';
      const value = className === '' ? 0 : systemClasses[className];
      if (value === undefined) throw refuse(attributes, `no PriorityClass with name ${className} was found`);
      if (spec.priority !== undefined && spec.priority !== value) {
        throw refuse(
          attributes,
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; ` +
            `priority admission controller computed ${value} from the given PriorityClass name`,
        );
      }
      spec.priority = value;
      if (spec.preemptionPolicy && spec.preemptionPolicy !== 'PreemptLowerPriority') {
        throw refuse(
          attributes,
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; ` +
            'priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
        );
      }
      spec.preemptionPolicy = 'PreemptLowerPriority';
    },
  };
}
