import si from 'systeminformation';
import type { HostProbe } from './host.ts';

// Runs in a process of its own and ends: systeminformation starts shells and takes memory that the agent must not keep.
const [system, distribution, cpu, memory] = await Promise.all([si.system(), si.osInfo(), si.cpu(), si.mem()]);
const probe: HostProbe = {
  model: [system.manufacturer, system.model].filter((part) => part && part !== '-').join(' '),
  systemUuid: system.uuid === '-' ? '' : system.uuid,
  distribution: [distribution.distro, distribution.release].filter(Boolean).join(' '),
  cpus: cpu.cores,
  memoryBytes: memory.total,
};
process.stdout.write(JSON.stringify(probe));
