import { describe, expect, test } from 'vitest';
import { allAtomicStructs, allMergeRules, isAtomicStruct, keyDefault, mergeRule } from './list-keys.ts';
import { referencedName, resolveSchema, type Schema, schemas } from './schemas.ts';

const fieldOf = (definition: string, field: string): Schema | undefined => schemas[definition]?.properties?.[field];

describe('the table of merge rules', () => {
  test('has a row for every rule and each row meets a field of the right form', () => {
    const rows = allMergeRules();
    expect(rows.length).toBeGreaterThanOrEqual(86);
    for (const { definition, field, rule } of rows) {
      const name = `${definition} ${field}`;
      const schema = fieldOf(definition, field);
      expect(schema, name).toBeDefined();
      if (rule.listType || rule.patchStrategy?.startsWith('merge')) expect(schema?.type, name).toBe('array');
      if (rule.listType === 'set') expect(schema?.items?.$ref, name).toBeUndefined();
    }
  });

  test('its keys are fields of the items', () => {
    for (const { definition, field, rule } of allMergeRules()) {
      const items = fieldOf(definition, field)?.items;
      const item = items && resolveSchema(items);
      for (const key of [...(rule.listMapKeys ?? []), ...(rule.patchMergeKey ? [rule.patchMergeKey] : [])]) {
        expect(Object.keys(item?.properties ?? {}), `${definition} ${field}`).toContain(key);
      }
    }
  });

  test('every list of conditions merges by type, but for those that Kubernetes replaces', () => {
    const atomic: string[] = [];
    for (const [definition, { properties }] of Object.entries(schemas)) {
      const conditions = properties?.['conditions'];
      if (conditions?.type !== 'array') continue;
      if (mergeRule(definition, 'conditions').listMapKeys?.[0] !== 'type') atomic.push(definition.replace('io.k8s.api.', ''));
    }
    expect(atomic).toEqual(['batch.v1.JobStatus']);
  });

  test('atomic structs are definitions', () => {
    expect(allAtomicStructs().filter((name) => !schemas[name])).toEqual([]);
    expect(isAtomicStruct('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')).toBe(true);
    expect(isAtomicStruct('io.k8s.api.core.v1.Container')).toBe(false);
  });

  test('knows the default of a port, which is a key', () => {
    const ports = fieldOf('io.k8s.api.core.v1.Container', 'ports')?.items;
    expect(keyDefault(ports ? (referencedName(ports) ?? '') : '', 'protocol')).toBe('TCP');
    expect(keyDefault('io.k8s.api.core.v1.EnvVar', 'name')).toBeUndefined();
  });

  test('a field named like a property of all objects has no rule', () => {
    expect(mergeRule('constructor', 'name')).toEqual({});
    expect(mergeRule('io.k8s.api.core.v1.PodSpec', 'constructor')).toEqual({});
  });
});
