import type { LabGoal } from './lab-goal.ts';

/** Every goal of the lab, loaded when it is asked for. */
export const goals: Readonly<Record<string, () => Promise<LabGoal>>> = {
  faults: async () => (await import('./faults.ts')).faults,
  R9: async () => (await import('./r09-messages.ts')).messages,
  restore: async () => (await import('./restore.ts')).restore,
  'R3-writes': async () => (await import('./r03-writes.ts')).agentWrites,
  'R6-days': async () => (await import('./r06-days.ts')).longAway,
  'R6-minutes': async () => (await import('./r06-days.ts')).shortAway,
  R3: async () => (await import('./real.ts')).agentKilled,
  R6: async () => (await import('./real.ts')).partitioned,
  R7: async () => (await import('./real.ts')).rebooted,
  R8: async () => (await import('./real.ts')).lossy,
  R15: async () => (await import('./real.ts')).stalled,
  R13: async () => (await import('./real.ts')).fullDisks,
  'real-short': async () => (await import('./real.ts')).realShort,
  real: async () => (await import('./real.ts')).real,
  leases: async () => (await import('./leases.ts')).leases,
  'leases-real': async () => (await import('./leases-real.ts')).leasesReal,
  R14: async () => (await import('./r14-identity.ts')).identity,
  R5: async () => (await import('./r05-storm.ts')).storm,
  'R5-small': async () => (await import('./r05-storm.ts')).smallStorm,
  R17: async () => (await import('./r17-soak.ts')).soak,
  R12: async () => (await import('./r12-slow-disk.ts')).slowDisk,
  R10: async () => (await import('./r10-poison.ts')).poison,
  R11: async () => (await import('./r11-clocks.ts')).wrongClocks,
  clocks: async () => (await import('./r11-processes.ts')).processClocks,
};
