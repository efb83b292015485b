import { expect, it } from 'vitest';
import type { PodSpec } from './generated/types.ts';
import { qosClassOf } from './qos-class.ts';

const spec = (...resources: object[]): PodSpec => ({
  containers: resources.map((one, index) => ({ name: `${index}`, image: 'x', resources: one })),
});
const all = { cpu: '1', memory: '1Gi' };

it.each([
  ['BestEffort', undefined],
  ['BestEffort', spec({}, {})],
  ['BestEffort', spec({ requests: { cpu: '0' } })],
  ['BestEffort', spec({ requests: { cpu: 'nonsense' } })],
  ['Burstable', spec({ requests: { cpu: '1' } })],
  ['Burstable', spec({ limits: all }, {})],
  ['Burstable', spec({ limits: { cpu: '1' }, requests: { cpu: '1' } })],
  ['Burstable', spec({ limits: all, requests: { cpu: '500m', memory: '1Gi' } })],
  ['Burstable', { ...spec({ limits: all }), initContainers: [{ name: 'i', image: 'x' }] }],
  ['Guaranteed', spec({ limits: all, requests: { cpu: '1000m', memory: '1024Mi' } })],
  ['Guaranteed', spec({ limits: all })],
])('%s', (expected, found) => {
  expect(qosClassOf(found)).toBe(expected);
});
