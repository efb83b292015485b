import type { Files } from '@flotilla/shared/platform/files.js';
import type { Host, HostProbe } from './host.ts';

/** What of a board does not change while it is up. */
export interface BoardFacts {
  readonly hostname: string;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly boardModel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
}

/** Reads what /proc, /sys and /etc tell at once; nothing of it is needed to run pods. */
export async function readBoardFacts(files: Files, host: Host, dataDir: string): Promise<BoardFacts> {
  const line = async (path: string): Promise<string> =>
    ((await files.readText(path).catch(() => undefined)) ?? '').split('\0').join('').trim();
  const [release, memory, machineId, systemUuid, bootId, boardModel, kernelVersion, space] = await Promise.all([
    line('/etc/os-release'),
    line('/proc/meminfo'),
    line('/etc/machine-id'),
    line('/sys/class/dmi/id/product_uuid'),
    line('/proc/sys/kernel/random/boot_id'),
    line('/proc/device-tree/model'),
    line('/proc/sys/kernel/osrelease'),
    files.space(dataDir),
  ]);
  const kilobytes = Number(/^MemTotal:\s+(\d+) kB/m.exec(memory)?.[1] ?? 0);
  return {
    hostname: host.hostname(),
    architecture: host.architecture(),
    kernelVersion,
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'Linux',
    machineId,
    systemUuid: systemUuid || machineId,
    bootId,
    boardModel,
    cpus: host.cpus(),
    memoryBytes: kilobytes > 0 ? kilobytes * 1024 : host.memoryBytes(),
    storageBytes: space.bytes,
  };
}

/** Fills in what only the slow probe knows. */
export function withProbe(facts: BoardFacts, probe: HostProbe): BoardFacts {
  return {
    ...facts,
    boardModel: facts.boardModel || probe.model,
    systemUuid: facts.systemUuid && facts.systemUuid !== facts.machineId ? facts.systemUuid : probe.systemUuid || facts.systemUuid,
    osImage: facts.osImage === 'Linux' ? probe.distribution || 'Linux' : facts.osImage,
    cpus: facts.cpus || probe.cpus,
    memoryBytes: facts.memoryBytes || probe.memoryBytes,
  };
}

/** The address that others reach this board at: of the interface that the default route leaves by, else the first. */
export async function hostAddresses(files: Files, host: Host): Promise<string[]> {
  const routes = ((await files.readText('/proc/net/route').catch(() => undefined)) ?? '').split('\n').map((line) => line.split('\t'));
  const way = routes.find(([, destination, , flags = '0']) => destination === '00000000' && (Number.parseInt(flags, 16) & 1) === 1)?.[0];
  const all = host.addresses();
  const v4 = all.filter(({ family }) => family === 4);
  const first = v4.find(({ interfaceName }) => interfaceName === way) ?? v4[0] ?? all[0];
  return first ? [first.address] : [];
}

/** A label's value made of any text: `Raspberry Pi 4` → `Raspberry-Pi-4`. */
export function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
