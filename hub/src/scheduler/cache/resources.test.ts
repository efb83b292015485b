import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import { podRequests, ResourceTable } from './resources.ts';
import { SchedulerCache } from './scheduler-cache.ts';

const container = (requests?: Record<string, string>, more: Partial<Container> = {}): Container => ({
  name: 'c',
  image: 'i',
  ...(requests ? { resources: { requests } } : {}),
  ...more,
});
const requests = (spec: NonNullable<Pod['spec']>) => podRequests({ spec }, new ResourceTable());

describe('what a pod asks for', () => {
  it('sums containers and counts extended resources', () => {
    const { requests: amounts } = requests({
      containers: [container({ cpu: '250m', memory: '64Mi', 'example.com/tpu': '1' }), container({ cpu: '1' })],
    });
    expect(amounts).toEqual([1250, 64 * 1024 * 1024, 0, 1]);
  });

  it('takes the hungriest init container beside the sidecars before it', () => {
    const sidecar = container({ cpu: '100m' }, { restartPolicy: 'Always' });
    const spec = {
      containers: [container({ cpu: '200m' })],
      initContainers: [container({ cpu: '450m' }), sidecar, container({ cpu: '400m' })],
    };
    expect(requests(spec).requests[0]).toBe(500);
    expect(requests({ ...spec, initContainers: [sidecar] }).requests[0]).toBe(300);
    expect(requests({ ...spec, overhead: { cpu: '50m' } }).requests[0]).toBe(550);
  });

  it('assumes something for containers that ask for nothing, for scoring only', () => {
    const made = requests({ containers: [container(), container({ cpu: '1' })] });
    expect(made.requests[0]).toBe(1000);
    expect(made).toMatchObject({ nonZeroMilliCpu: 1100, nonZeroBytes: 400 * 1024 * 1024 });
  });
});

describe('cache', () => {
  it('counts a pod once, however it comes, and gives back what it took', () => {
    const cache = new SchedulerCache();
    const pod = (node?: string): Pod => ({
      metadata: { name: 'p', namespace: 'd', uid: 'u' },
      spec: { containers: [container({ cpu: '1' }, { ports: [{ containerPort: 1, hostPort: 80 }] })], ...(node ? { nodeName: node } : {}) },
    });
    cache.setNode({ metadata: { name: 'a' }, status: { allocatable: { cpu: '4', pods: '10' } } });
    const info = cache.byName.get('a');
    cache.assume(cache.info(pod()), 'a');
    cache.setPod(pod('a'));
    cache.setPod(pod('a'));
    expect([info?.requested[0], info?.pods.size, info?.portTaken({ ip: '10.0.0.1', protocol: 'TCP', port: 80 })]).toEqual([1000, 1, true]);
    // Bound elsewhere than assumed: it counts there only.
    cache.setPod(pod('b'));
    expect(info?.pods.size).toBe(0);
    expect(cache.removePod('u')).toBe(true);
    expect([info?.requested[0], cache.byName.has('b'), cache.removePod('u')]).toEqual([0, false, false]);
  });

  it('says what of a node changed', () => {
    const cache = new SchedulerCache();
    const node = (labels: Record<string, string>, cpu: string) => ({ metadata: { name: 'a', labels }, status: { allocatable: { cpu } } });
    expect(cache.setNode(node({}, '1'))).toEqual(['NodeAdd']);
    expect(cache.setNode(node({}, '1'))).toEqual([]);
    expect(cache.setNode(node({ x: 'y' }, '2'))).toEqual(['NodeAllocatableUpdate', 'NodeLabelUpdate']);
    cache.removeNode('a');
    expect(cache.nodes).toEqual([]);
  });
});
