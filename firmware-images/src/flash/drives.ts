import type { Exec } from '@flotilla/shared/platform/exec.js';

/** A drive of this machine that an image could go to. */
export interface Drive {
  readonly path: string;
  readonly sizeBytes: number;
  readonly vendor: string;
  readonly model: string;
  readonly serial: string;
  /** usb, mmc, sata, nvme …; empty when it is not known. */
  readonly transport: string;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** A file as a drive. */
  readonly loop: boolean;
  /** Where it, or something on it, is mounted; `[SWAP]` for swap space. */
  readonly mounts: readonly string[];
}

interface LsblkDevice {
  readonly path?: string | null;
  readonly type?: string | null;
  readonly size?: number | string | null;
  readonly vendor?: string | null;
  readonly model?: string | null;
  readonly serial?: string | null;
  readonly tran?: string | null;
  readonly subsystems?: string | null;
  readonly rm?: boolean | null;
  readonly hotplug?: boolean | null;
  readonly ro?: boolean | null;
  readonly mountpoints?: readonly (string | null)[] | null;
  readonly mountpoint?: string | null;
  readonly children?: readonly LsblkDevice[];
}

/** What only the drive of a running system carries. */
const systemMounts = /^(\/|\/(boot|usr|var|home|etc|opt|srv|root|nix)(\/.*)?|\[SWAP\])$/;

/** Every drive of the machine, with or without a card in it. @throws Error when they cannot be listed */
export async function listDrives(exec: Exec): Promise<readonly Drive[]> {
  const { code, stdout, stderr } = await exec.run('lsblk', ['-J', '-b', '-O']);
  if (code !== 0) throw new Error(`lsblk could not list the drives: ${stderr.trim() || `exit status ${code}`}`);
  const { blockdevices = [] } = JSON.parse(stdout.toString('utf8')) as { readonly blockdevices?: readonly LsblkDevice[] };
  return blockdevices
    .filter(({ type, path }) => (type === 'disk' || type === 'loop') && path)
    .map((device) => ({
      path: device.path ?? '',
      sizeBytes: Number(device.size ?? 0),
      vendor: text(device.vendor),
      model: text(device.model),
      serial: text(device.serial),
      transport: text(device.tran) || (text(device.subsystems).includes('mmc') ? 'mmc' : ''),
      removable: device.rm === true || device.hotplug === true || device.tran === 'usb',
      readOnly: device.ro === true,
      loop: device.type === 'loop',
      mounts: mountsOf(device),
    }));
}

function mountsOf(device: LsblkDevice): string[] {
  const own = [...(device.mountpoints ?? []), device.mountpoint].filter(
    (mount): mount is string => typeof mount === 'string' && mount !== '',
  );
  return [...new Set([...own, ...(device.children ?? []).flatMap(mountsOf)])];
}

function text(value: string | null | undefined): string {
  return (value ?? '').trim();
}

export interface Wanted {
  /** Undefined while it is not known: a compressed image does not say. */
  readonly imageBytes: number | undefined;
  /** Whoever typed the command means a drive that cannot be taken out. */
  readonly fixed: boolean;
}

/** Why an image may not go to this drive; undefined when it may. */
export function refusal(drive: Drive, { imageBytes, fixed }: Wanted): string | undefined {
  const system = drive.mounts.find((mount) => systemMounts.test(mount));
  if (system) return `this system runs from it (${system})`;
  if (drive.mounts.length > 0) return `it is mounted (${drive.mounts.join(', ')}): unmount it first`;
  if (drive.sizeBytes === 0) return 'there is no card in it';
  if (drive.readOnly) return 'it is write-protected';
  if (imageBytes !== undefined && imageBytes > drive.sizeBytes)
    return `it is too small: it has ${drive.sizeBytes} bytes, the image ${imageBytes}`;
  if (!drive.removable && !drive.loop && !fixed) return 'it is no removable drive; add --fixed if it is really meant';
  return undefined;
}

/** What tells one drive from another in the same slot. */
export function sameDrive(a: Drive, b: Drive): boolean {
  return a.path === b.path && a.sizeBytes === b.sizeBytes && a.serial === b.serial && a.model === b.model;
}

/** One line for people. */
export function driveText({ path, sizeBytes, vendor, model, serial, transport }: Drive): string {
  const name = [vendor, model].filter((part) => part !== '').join(' ') || 'unnamed';
  return [path, `${(sizeBytes / 1e9).toFixed(1)} GB`, name, serial && `serial ${serial}`, transport]
    .filter((part) => part !== '')
    .join(', ');
}
