import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { describe, expect, it } from 'vitest';
import { FakeRuntime } from '#runtime/fake/fake-runtime.ts';
import { RuntimeError } from '#runtime/types.ts';
import { FakeHost } from './fake-host.ts';
import { hostAddresses, labelValue } from './node-facts.ts';
import { NodeReporter } from './node-reporter.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

async function setUp(
  capacity: Record<string, string> = {},
): Promise<{ clock: FakeClock; files: FakeFiles; runtime: FakeRuntime; node: NodeReporter; host: FakeHost; conditions: () => string[] }> {
  const clock = new FakeClock();
  const files = new FakeFiles();
  for (const dir of ['/data', '/proc/sys/kernel/random', '/proc/device-tree', '/etc']) await files.mkdir(dir);
  await files.write('/proc/meminfo', 'MemTotal:        1000000 kB\nMemAvailable:     800000 kB\n');
  await files.write('/proc/device-tree/model', 'Raspberry Pi 4 Model B Rev 1.4\0');
  await files.write('/etc/os-release', 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12"\n');
  await files.write('/etc/machine-id', 'abc\n');
  await files.write('/proc/sys/kernel/random/boot_id', 'boot-1\n');
  const runtime = new FakeRuntime({
    clock,
    images: { 'localhost/a:1': { present: true, bytes: 5 }, 'localhost/b:1': { present: true, bytes: 9 } },
  });
  await runtime.start();
  const host = new FakeHost();
  const options = {
    dataDir: '/data',
    nodeName: 'board',
    labels: { own: 'yes' },
    taints: [{ key: 'k', effect: 'NoSchedule' as const }],
    version: 'v1.34.0+flotilla.0',
    correct: (wallMs: number) => wallMs,
  };
  const node = new NodeReporter({ ...options, clock, files, logger: silentLogger, host, runtime, capacity, changed: () => {} });
  await node.start();
  await clock.advance(0);
  const conditions = (): string[] =>
    (node.report().status['conditions'] as Condition[]).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
  return { clock, files, runtime, node, host, conditions };
}

describe('node', () => {
  it('tells what the board is', async () => {
    const { node } = await setUp();
    const { labels, status, taints } = node.report();
    expect(labels).toMatchObject({
      'kubernetes.io/arch': 'arm64',
      'kubernetes.io/os': 'linux',
      'kubernetes.io/hostname': 'board',
      'fleet.flotilla.dev/board-model': 'Raspberry-Pi-4-Model-B-Rev-1.4',
      own: 'yes',
    });
    expect(taints).toEqual([{ key: 'k', effect: 'NoSchedule' }]);
    expect(status).toMatchObject({
      addresses: [
        { type: 'InternalIP', address: '192.0.2.7' },
        { type: 'Hostname', address: 'board' },
      ],
      capacity: { cpu: '4', memory: '1000000Ki', pods: '110' },
      allocatable: { cpu: '4', memory: '897600Ki', pods: '110' },
      nodeInfo: {
        bootID: 'boot-1',
        machineID: 'abc',
        systemUUID: 'fake-uuid',
        osImage: 'Debian GNU/Linux 12',
        kubeletVersion: 'v1.34.0+flotilla.0',
        containerRuntimeVersion: 'fake://1.0.0',
        architecture: 'arm64',
        operatingSystem: 'linux',
      },
      images: [
        { names: ['localhost/b:1'], sizeBytes: 9 },
        { names: ['localhost/a:1'], sizeBytes: 5 },
      ],
    });
  });

  it('offers what it is told to offer', async () => {
    const { node } = await setUp({ cpu: '2', memory: '1Gi', 'example.com/gpu': '1' });
    expect(node.report().status).toMatchObject({
      capacity: { cpu: '2', memory: '1Gi', 'example.com/gpu': '1' },
      allocatable: { cpu: '2', memory: '1Gi', 'example.com/gpu': '1' },
    });
  });

  it('says when something is short, and when it is well again', async () => {
    const { clock, files, runtime, conditions } = await setUp();
    const well = [
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ];
    expect(conditions()).toEqual(well);
    await files.write('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 100 kB\n');
    runtime.failNext('images', new RuntimeError('Unavailable', 'podman is not there'));
    const { bytes, freeBytes } = await files.space();
    const used = bytes - freeBytes;
    files.capacityBytes = used + 1;
    await clock.advance(300_000);
    expect(conditions()).toEqual([
      'MemoryPressure=True KubeletHasInsufficientMemory',
      'DiskPressure=True KubeletHasDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=False KubeletNotReady',
    ]);
    // The runtime is there again; a little more than the least is still too little.
    files.capacityBytes = Math.ceil(used / (1 - 0.12));
    await files.write('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 150000 kB\n');
    await clock.advance(30_000);
    expect(conditions()).toEqual([
      'MemoryPressure=True KubeletHasInsufficientMemory',
      'DiskPressure=True KubeletHasDiskPressure',
      ...well.slice(2),
    ]);
    files.capacityBytes = Math.ceil(used / (1 - 0.16));
    await files.write('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 160000 kB\n');
    await clock.advance(30_000);
    expect(conditions()).toEqual(well);
  });

  it('asks the slow probe once per boot', async () => {
    const { files, node } = await setUp();
    node.stop();
    expect(await files.readText('/data/board.0')).toContain('fake-uuid');
    const steps = files.steps;
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock });
    await runtime.start();
    const again = new NodeReporter({
      dataDir: '/data',
      nodeName: 'b',
      labels: {},
      taints: [],
      version: 'v',
      clock,
      files,
      logger: silentLogger,
      host: new FakeHost(),
      runtime,
      capacity: {},
      correct: (wallMs) => wallMs,
      changed: () => {},
    });
    await again.start();
    await clock.advance(0);
    again.stop();
    expect(files.steps).toBe(steps);
    expect(again.report().status).toMatchObject({ nodeInfo: { systemUUID: 'fake-uuid' } });
  });

  it('prefers the address of the default route', async () => {
    const { files, host } = await setUp();
    host.addresses = () => [
      { interfaceName: 'podman0', address: '10.88.0.1', family: 4 },
      { interfaceName: 'wlan0', address: '192.0.2.9', family: 4 },
    ];
    expect(await hostAddresses(files, host)).toEqual(['10.88.0.1']);
    await files.mkdir('/proc/net');
    await files.write('/proc/net/route', 'Iface\tDestination\tGateway\tFlags\nwlan0\t00000000\t010200C0\t0003\n');
    expect(await hostAddresses(files, host)).toEqual(['192.0.2.9']);
  });

  it('makes label values of any text', () => {
    expect([labelValue('Raspberry Pi 4'), labelValue('  (odd) '), labelValue('')]).toEqual(['Raspberry-Pi-4', 'odd', '']);
  });
});
