import type { ControllerRevision, EndpointSlice, Endpoints, Service, ServiceSpec } from '@flotilla/shared/api/generated/types.js';
import { describeFieldError, type FieldError } from '@flotilla/shared/errors/field.js';
import { describe, expect, it } from 'vitest';
import { controllerRevisions } from '#registry/apps/controller-revision.ts';
import { endpointSlices } from '#registry/discovery/endpoint-slice.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { endpoints } from './endpoints.ts';
import { services } from './service.ts';

const words = (faults: readonly FieldError[]): string[] => faults.map(describeFieldError);
const metadata = { name: 'a', namespace: 'default' };
const cells = <T extends object>(definition: ResourceDefinition<T>, object: T): unknown[] =>
  definition.columns.map(({ value }) => value(object, 0));

/** As a write would leave it: one rule at a time is broken by `more`. */
function service(more: ServiceSpec = {}): Service {
  const made: Service = {
    metadata,
    spec: {
      ports: [{ port: 80 }],
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ...more,
    },
  };
  services.strategy.default?.(made);
  return made;
}
const validate = (more: ServiceSpec): string[] => words(services.strategy.validate(service(more)));
const change = (before: ServiceSpec, now: ServiceSpec): string[] => words(services.strategy.validateUpdate(service(now), service(before)));

describe('Service', () => {
  it('is filled in as Kubernetes does it, and twice is as good as once', () => {
    const made = service({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' });
    expect(made.spec).toMatchObject({
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
    });
    const again = structuredClone(made);
    services.strategy.default?.(again);
    expect(again).toEqual(made);
  });

  it('takes what fits together and says what does not', () => {
    expect(validate({})).toEqual([]);
    expect(validate({ ports: [] })).toEqual(['spec.ports: Required value']);
    expect(validate({ clusterIP: 'None', clusterIPs: ['None'], ports: [] })).toEqual([]);
    expect(validate({ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'] })).toEqual([]);
    expect(validate({ loadBalancerSourceRanges: ['10.0.0.0/8'] })).toEqual([
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ]);
    expect(validate({ externalIPs: ['1.2.3.4'] })).toEqual([]);
    expect(validate({ externalIPs: ['fe80::1'] })).toEqual([
      'spec.externalIPs[0]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ]);
  });

  it('keeps the address that it has', () => {
    expect(change({}, {})).toEqual([]);
    expect(change({}, { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'] })).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set',
    ]);
    const balancer = { type: 'LoadBalancer', loadBalancerClass: 'a.b/c' };
    expect(change(balancer, balancer)).toEqual([]);
    expect(change(balancer, { type: 'LoadBalancer', loadBalancerClass: 'a.b/d' })).toEqual([
      'spec.loadBalancerClass: Invalid value: "a.b/d": may not change once set',
    ]);
  });

  it('is shown as a line', () => {
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: 'lb.example.com' }] } };
    const shown = service({
      type: 'LoadBalancer',
      ports: [
        { port: 80, nodePort: 30_001 },
        { port: 53, protocol: 'UDP' },
      ],
      selector: { b: '2', a: '1' },
    });
    expect(cells(services, { ...shown, status })).toEqual([
      ...['a', 'LoadBalancer', '10.96.0.9', '1.2.3.4,lb.example.com', '80:30001/TCP,53/UDP'],
      ...['<unknown>', 'a=1,b=2'],
    ]);
    expect(cells(services, service({ type: 'LoadBalancer' }))[3]).toBe('<pending>');
    expect(cells(services, { metadata, spec: { type: 'ExternalName', externalName: 'x.y' } }).slice(1, 5)).toEqual([
      'ExternalName',
      '<none>',
      'x.y',
      '<none>',
    ]);
  });
});

describe('EndpointSlice and Endpoints', () => {
  const slice = (more: Partial<EndpointSlice>): EndpointSlice => ({ metadata, addressType: 'IPv4', endpoints: [], ...more });
  const refused = (more: Partial<EndpointSlice>): string[] => words(endpointSlices.strategy.validate(slice(more)));

  it('hold addresses of one kind that others can reach', () => {
    expect(refused({ endpoints: [{ addresses: ['10.1.2.3'] }] })).toEqual([]);
    expect(refused({ endpoints: [{ addresses: ['::1'] }] })[0]).toBe(
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
    );
    expect(refused({ endpoints: [{ addresses: ['127.0.0.1'] }] })[0]).toContain('may not be in the loopback range');
    expect(words(endpointSlices.strategy.validateUpdate(slice({ addressType: 'IPv6' }), slice({})))).toEqual([
      'addressType: Invalid value: "IPv6": field is immutable',
    ]);
    const object = (ip: string): Endpoints => ({ metadata, subsets: [{ addresses: [{ ip }] }] });
    expect(words(endpoints.strategy.validate(object('10.1.2.3')))).toEqual([]);
    expect(words(endpoints.strategy.validate(object('0.0.0.0')))).toEqual([
      'subsets[0].addresses[0].ip: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
    ]);
  });

  it('are shown as lines', () => {
    const many = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'];
    const shown = slice({ endpoints: many.map((one) => ({ addresses: [one] })), ports: [{ name: 'a', port: 80 }] });
    expect(cells(endpointSlices, shown).slice(0, 4)).toEqual(['a', 'IPv4', '80', '10.1.0.1,10.1.0.2,10.1.0.3 + 1 more...']);
    const object = { metadata, subsets: [{ addresses: many.map((ip) => ({ ip })), ports: [{ port: 80 }] }] };
    expect(cells(endpoints, object)[1]).toBe('10.1.0.1:80,10.1.0.2:80,10.1.0.3:80 + 1 more...');
    expect(cells(endpoints, { metadata })[1]).toBe('<none>');
  });
});

describe('ControllerRevision', () => {
  const revision = (more: Partial<ControllerRevision>): ControllerRevision => ({ metadata, revision: 1, data: { a: 1 }, ...more });

  it('keeps its data for ever', () => {
    expect(words(controllerRevisions.strategy.validate(revision({})))).toEqual([]);
    expect(words(controllerRevisions.strategy.validate(revision({ data: [1] })))).toEqual([
      'data: Required value: data must be a valid JSON object',
    ]);
    const changed = (now: Partial<ControllerRevision>): string[] =>
      words(controllerRevisions.strategy.validateUpdate(revision(now), revision({})));
    expect(changed({ revision: 2 })).toEqual([]);
    expect(changed({ data: { a: 2 } })).toEqual(['data: Invalid value: {"a":2}: field is immutable']);
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u', controller: true };
    expect(cells(controllerRevisions, revision({ metadata: { ...metadata, ownerReferences: [owner] } })).slice(0, 3)).toEqual([
      'a',
      'statefulset.apps/db',
      1,
    ]);
  });
});
