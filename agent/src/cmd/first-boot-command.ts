import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { openBoardFace } from '#first-boot/board-face.ts';
import { afterJoining, firstBoot } from '#first-boot/first-boot.ts';
import { machineAddresses, machineModel, machineSerial } from './machine.ts';

/** `flotilla-agent first-boot --boot-dir DIR [--joined]`: run by the units of a card image. @throws Error when a step failed */
export async function firstBootCommand(args: readonly string[]): Promise<void> {
  const options = { 'boot-dir': { type: 'string', default: '/boot/firmware' }, joined: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const files = new SystemFiles();
  const face = await openBoardFace({ files, hostname, addresses: machineAddresses });
  const doors = { files, face, disks: new SystemDisks(), exec: new SystemExec(), clock: new SystemClock() };
  if (values.joined) await afterJoining(doors, values['boot-dir']);
  else await firstBoot(doors, values['boot-dir'], { hostname: hostname(), model: machineModel(), serial: machineSerial() });
}
