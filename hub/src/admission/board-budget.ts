import { budgetAnnotations, validateBudgetAnnotations } from '@flotilla/shared/api/board-budget.js';
import { invalidObject } from '@flotilla/shared/errors/field.js';
import { type AdmissionPlugin, isResource } from './plugin.ts';

/** What a Node says of its board's budgets is right; what was stored before it was forbidden does not stand in the way of other changes. */
export function boardBudget(): AdmissionPlugin {
  return {
    name: 'BoardBudget',
    validate(attributes) {
      const { definition, name, object, old, operation } = attributes;
      if (!isResource(attributes, 'nodes') || !object || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
      const [now, was] = [object.metadata?.annotations, old?.metadata?.annotations];
      if (Object.values(budgetAnnotations).every((key) => now?.[key] === was?.[key])) return;
      const faults = validateBudgetAnnotations(now, 'metadata');
      if (faults.length > 0) throw invalidObject(definition.kind, definition.group, name || object.metadata?.name || '', faults);
    },
  };
}
