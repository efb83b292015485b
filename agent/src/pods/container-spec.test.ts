import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { describe, expect, it } from 'vitest';
import { buildContainerSpec, buildMounts, buildSandboxSpec } from './container-spec.ts';

const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [], ...spec },
});
const build = (container: Partial<Container>, spec: Parameters<typeof pod>[0] = {}, user = ''): ReturnType<typeof buildContainerSpec> =>
  buildContainerSpec({
    pod: pod(spec),
    container: { name: 'c', image: 'i', ...container },
    attempt: 2,
    image: { id: 'sha256:1', user },
    env: { A: '1' },
    mounts: [],
  });

describe('container spec', () => {
  it('expands command and args and reads resources', () => {
    expect(
      build({ command: ['sh', '$(A)'], args: ['$$(A)', '$(B)'], resources: { limits: { cpu: '500m', memory: '64Mi' } } }),
    ).toMatchObject({
      attempt: 2,
      command: ['sh', '1'],
      args: ['$(A)', '$(B)'],
      cpuLimitMillis: 500,
      cpuRequestMillis: 500,
      memoryLimitBytes: 67_108_864,
      image: 'sha256:1',
    });
    expect(build({})).toMatchObject({ command: undefined, args: undefined, cpuLimitMillis: undefined, allowPrivilegeEscalation: true });
  });

  it('lets the container’s security context win over the pod’s', () => {
    const spec = { securityContext: { runAsUser: 1000, runAsGroup: 5, fsGroup: 7, supplementalGroups: [8] } };
    expect(build({ securityContext: { runAsUser: 2000, capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } } }, spec)).toMatchObject({
      ...{ runAsUser: 2000, runAsGroup: 5, supplementalGroups: [8, 7], capabilitiesAdd: ['NET_ADMIN'], capabilitiesDrop: ['ALL'] },
    });
  });

  it.each([
    [{ runAsNonRoot: true, runAsUser: 0 }, '', `container's runAsUser breaks non-root policy (pod: "p_n(u)", container: c)`],
    [{ runAsNonRoot: true }, '', 'container has runAsNonRoot and image will run as root (pod: "p_n(u)", container: c)'],
    [
      { runAsNonRoot: true },
      'www',
      'container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root (pod: "p_n(u)", container: c)',
    ],
  ])('refuses root where it must not be', (securityContext, user, message) => {
    expect(() => build({ securityContext }, {}, user)).toThrow(message);
  });

  it('accepts a numeric user of the image', () => {
    expect(build({ securityContext: { runAsNonRoot: true } }, {}, '1000:1000').runAsUser).toBeUndefined();
  });
});

describe('sandbox spec', () => {
  it('has host ports, aliases and DNS', () => {
    const containers: Container[] = [
      {
        name: 'c',
        ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }, { containerPort: 53, hostPort: 53, protocol: 'UDP' }],
      },
    ];
    const spec = {
      containers,
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }],
      dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] },
    };
    expect(buildSandboxSpec(pod(spec))).toMatchObject({
      hostname: 'p',
      ports: [
        { containerPort: 80, hostPort: 8080, protocol: 'TCP' },
        { containerPort: 53, hostPort: 53, protocol: 'UDP' },
      ],
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }],
      dns: { servers: ['1.1.1.1'], searches: [], options: ['ndots:2', 'edns0'] },
    });
    expect(buildSandboxSpec(pod({ ...spec, hostNetwork: true })).ports).toEqual([]);
  });
});

describe('mounts', () => {
  it('mount the real path of a subPath, and make it when it is missing', async () => {
    const files = new FakeFiles();
    await files.mkdir('/v/..1');
    await files.write('/v/..1/key', 'x');
    await files.symlink('..1', '/v/..data');
    await files.symlink('..data/key', '/v/key');
    const mounts = (subPath: string): ReturnType<typeof buildMounts> =>
      buildMounts({
        files,
        container: { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/m', subPath, readOnly: true }] },
        volumes: new Map([['v', '/v']]),
        env: {},
      });
    expect(await mounts('key')).toEqual([{ hostPath: '/v/..1/key', containerPath: '/m', readOnly: true }]);
    expect(await mounts('new/dir')).toMatchObject([{ hostPath: '/v/new/dir' }]);
    await files.mkdir('/etc');
    await files.symlink('/etc', '/v/out');
    for (const bad of ['out', '../v2', '/etc'])
      await expect(mounts(bad)).rejects.toThrow('failed to prepare subPath for volumeMount "v" of container "c"');
  });

  it('name a volume that is not there', async () => {
    const container = { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/m' }] };
    await expect(buildMounts({ files: new FakeFiles(), container, volumes: new Map(), env: {} })).rejects.toThrow('cannot find volume "v"');
  });
});
