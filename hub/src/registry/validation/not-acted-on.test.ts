import { expect, it } from 'vitest';
import { notActedOn } from './not-acted-on.ts';

it('names every field that nobody acts on', () => {
  const spec = {
    initContainers: [{ name: 'init', lifecycle: {} }],
    containers: [{ name: 'a' }, { name: 'b', livenessProbe: {}, readinessProbe: {}, startupProbe: {} }],
    affinity: { podAffinity: {}, podAntiAffinity: {}, nodeAffinity: {} },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    readinessGates: [{ conditionType: 'x' }],
    runtimeClassName: 'kata',
  };
  expect(notActedOn(spec, 'spec').map((warning) => warning.split(': ')[0])).toEqual([
    'spec.initContainers[0].lifecycle',
    'spec.containers[1].livenessProbe',
    'spec.containers[1].readinessProbe',
    'spec.containers[1].startupProbe',
    'spec.affinity.podAffinity',
    'spec.affinity.podAntiAffinity',
    'spec.topologySpreadConstraints',
    'spec.readinessGates',
    'spec.runtimeClassName',
  ]);
});

it('has nothing to say of what is acted on', () => {
  expect(notActedOn({ containers: [{ name: 'a' }], affinity: { nodeAffinity: {} }, nodeSelector: { a: 'b' } }, 'spec')).toEqual([]);
  expect(notActedOn(undefined, 'spec')).toEqual([]);
});
