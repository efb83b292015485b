import type { EndpointSlice, Pod, Service } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import { planSlices, type SlicePlan, sliceLabels } from './plan.ts';

const service = (more: object = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 's', labels: { team: 'a' } },
  spec: {
    selector: { app: 'web' },
    clusterIP: '10.96.0.9',
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    ...more,
  },
});
const pod = (index: number, more: { ready?: boolean; going?: boolean; phase?: string; spec?: object; ip?: string } = {}): Pod => ({
  metadata: {
    name: `p${index}`,
    namespace: 'default',
    uid: `u${index}`,
    ...(more.going ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: {
    nodeName: `n${index % 2}`,
    containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8000 + (index % 2), protocol: 'TCP' }] }],
    ...more.spec,
  },
  status: {
    phase: more.phase ?? 'Running',
    podIP: more.ip ?? `10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`,
    conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
  },
});
const pods = (count: number): Pod[] => Array.from({ length: count }, (_none, index) => pod(index));
const zoneOf = (node: string): string | undefined => (node === 'n0' ? 'east' : undefined);
const plan = (of: Service, behind: readonly Pod[], slices: readonly EndpointSlice[] = []): SlicePlan =>
  planSlices({ service: of, pods: behind, slices, zoneOf });
/** The slices after a plan was carried out. */
function carriedOut({ create, update, remove }: SlicePlan, before: readonly EndpointSlice[] = []): EndpointSlice[] {
  const changed = new Map(update.map(({ name, endpoints }) => [name, endpoints]));
  const kept = before
    .filter(({ metadata }) => !remove.includes(metadata?.name ?? ''))
    .map((slice) => ({ ...slice, endpoints: [...(changed.get(slice.metadata?.name ?? '') ?? slice.endpoints)] }));
  const next = Math.max(-1, ...before.map(({ metadata }) => Number(metadata?.name?.slice(1)))) + 1;
  const made = create.map((content, index) => ({
    metadata: { name: `s${next + index}` },
    ...content,
    endpoints: [...content.endpoints],
    ports: [...content.ports],
  }));
  return [...kept, ...made];
}
const writes = ({ create, update, remove }: SlicePlan): number => create.length + update.length + remove.length;

describe('the slices of a Service', () => {
  it('say of each pod what it is and where', () => {
    const { create } = plan(service(), [
      pod(0),
      pod(1, { ready: false }),
      pod(2, { going: true }),
      pod(3, { phase: 'Failed' }),
      pod(4, { ip: '' }),
      pod(5, { spec: { hostname: 'db-5', subdomain: 'web' } }),
    ]);
    expect(create).toHaveLength(1);
    expect(create[0]).toMatchObject({ addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] });
    expect(create[0]?.endpoints).toEqual([
      {
        addresses: ['10.1.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: 'n0',
        zone: 'east',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'p0', uid: 'u0' },
      },
      expect.objectContaining({ conditions: { ready: false, serving: false, terminating: false }, nodeName: 'n1' }),
      expect.objectContaining({ conditions: { ready: false, serving: true, terminating: true } }),
      expect.objectContaining({ hostname: 'db-5' }),
    ]);
    const published = plan(service({ publishNotReadyAddresses: true }), [pod(1, { ready: false })]).create[0]?.endpoints[0];
    expect(published?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });

  it('carry the labels of the Service and whose they are', () => {
    expect(sliceLabels(service())).toEqual({
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(sliceLabels(service({ clusterIP: 'None' }))).toMatchObject({ 'service.kubernetes.io/headless': '' });
  });

  it('are one for each set of ports that pods give a name to', () => {
    const { create } = plan(service({ ports: [{ port: 80, protocol: 'TCP', targetPort: 'web' }] }), pods(4));
    expect(create.map(({ ports, endpoints }) => [ports[0]?.port, endpoints.length])).toEqual([
      [8000, 2],
      [8001, 2],
    ]);
    const nameless = plan(service({ ports: [{ port: 80, protocol: 'TCP', targetPort: 'none' }] }), pods(2)).create;
    expect(nameless.map(({ ports, endpoints }) => [ports.length, endpoints.length])).toEqual([[0, 2]]);
  });

  it('hold at most a hundred endpoints each', () => {
    const { create } = plan(service(), pods(250));
    expect(create.map(({ endpoints }) => endpoints.length)).toEqual([100, 100, 50]);
  });

  it('stay as they are when nothing changed', () => {
    const before = carriedOut(plan(service(), pods(250)));
    expect(writes(plan(service(), pods(250), before))).toBe(0);
    const none = carriedOut(plan(service(), []));
    expect(none.map(({ endpoints, ports }) => [endpoints, ports])).toEqual([[[], []]]);
    expect(writes(plan(service(), [], none))).toBe(0);
  });

  it('change only where a pod changed', () => {
    const before = carriedOut(plan(service(), pods(250)));
    const unready = pods(250).map((one, index) => (index === 120 ? pod(120, { ready: false }) : one));
    const change = plan(service(), unready, before);
    expect([change.create.length, change.remove.length, change.update.map(({ name }) => name)]).toEqual([0, 0, ['s1']]);
    const replaced = plan(service(), [...pods(250).filter((_one, index) => index !== 120), pod(300)], before);
    expect(writes(replaced)).toBe(1);
    expect(replaced.update[0]?.endpoints).toHaveLength(100);
    const more = plan(service(), [...pods(250), pod(300)], before);
    expect(more.update.map(({ name, endpoints }) => [name, endpoints.length])).toEqual([['s2', 51]]);
    const fewer = plan(service(), pods(200), before);
    expect([writes(fewer), fewer.remove]).toEqual([1, ['s2']]);
  });

  it('become one empty slice when the last pod went, and others when the ports change', () => {
    const before = carriedOut(plan(service(), pods(3)));
    const empty = plan(service(), [], before);
    expect([empty.create.map(({ endpoints }) => endpoints.length), empty.remove]).toEqual([[0], ['s0']]);
    const moved = plan(service({ ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 9090 }] }), pods(3), before);
    expect([moved.create.map(({ ports }) => ports[0]?.port), moved.remove]).toEqual([[9090], ['s0']]);
  });

  it('always end in exactly the pods there are, whatever was there before', () => {
    let before: EndpointSlice[] = [];
    for (const count of [3, 250, 99, 100, 101, 0, 1, 180, 20, 230]) {
      before = carriedOut(plan(service(), pods(count), before), before);
      const addresses = before.flatMap(({ endpoints }) => endpoints.flatMap((one) => one.addresses));
      expect(new Set(addresses).size).toBe(count);
      expect(addresses).toHaveLength(count);
      expect(Math.max(...before.map(({ endpoints }) => endpoints.length))).toBeLessThanOrEqual(100);
      expect(writes(plan(service(), pods(count), before))).toBe(0);
    }
  });
});
