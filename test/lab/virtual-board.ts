import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../harness/program.ts';

/** What the lab emulates, as images are built for it. */
export const virtualBoards = {
  amd64: {
    board: 'generic-amd64',
    program: 'qemu-system-x86_64',
    machine: ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    firmware: '/usr/share/OVMF/OVMF_CODE_4M.fd',
    variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
    packages: 'qemu-system-x86 ovmf',
  },
  arm64: {
    board: 'generic-arm64',
    program: 'qemu-system-aarch64',
    machine: ['-machine', 'virt', '-accel', 'tcg,thread=multi', '-cpu', 'cortex-a72'],
    firmware: '/usr/share/AAVMF/AAVMF_CODE.fd',
    variables: '/usr/share/AAVMF/AAVMF_VARS.fd',
    packages: 'qemu-system-arm qemu-efi-aarch64 qemu-user-static binfmt-support',
  },
} as const;

export type VirtualArchitecture = keyof typeof virtualBoards;

/** This machine, as a board sees it through its network. */
export const hostAddress = '10.0.2.2';

export interface VirtualBoardOptions {
  readonly architecture: VirtualArchitecture;
  /** The card: a file or a block device. */
  readonly card: string;
  /** An empty directory of its own, for what the firmware keeps. */
  readonly dir: string;
  /** Of the machine: the same after every power cut. */
  readonly uuid: string;
  readonly memoryMib?: number;
}

/** A board that is emulated, started from its card as a bought one is: firmware, loader, kernel. */
export class VirtualBoard {
  readonly #options: VirtualBoardOptions;
  #machine: Program | undefined;
  #poweredOnMs = 0;

  constructor(options: VirtualBoardOptions) {
    const { program, firmware, packages } = virtualBoards[options.architecture];
    if (!existsSync(firmware))
      throw new Error(`${firmware}, the firmware for ${program}, is missing (on Debian: apt-get install ${packages})`);
    this.#options = options;
  }

  /** What it says on its serial line. */
  get console(): Program {
    if (!this.#machine) throw new Error('the board was not powered on');
    return this.#machine;
  }

  /** Wall time. */
  get poweredOnMs(): number {
    return this.#poweredOnMs;
  }

  powerOn(): void {
    const { architecture, card, dir, uuid, memoryMib = 512 } = this.#options;
    const { program, machine, firmware, variables } = virtualBoards[architecture];
    const kept = join(dir, 'firmware-variables');
    if (!existsSync(kept)) copyFileSync(variables, kept);
    const args = [
      ...machine,
      ...['-smp', '2', '-m', String(memoryMib), '-uuid', uuid, '-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
      ...['-drive', `if=pflash,format=raw,readonly=on,file=${firmware}`, '-drive', `if=pflash,format=raw,file=${kept}`],
      ...['-drive', `if=none,id=card,format=raw,file=${card}`, '-device', 'virtio-blk-pci,drive=card'],
      ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
    ];
    this.#poweredOnMs = Date.now();
    this.#machine = new Program(program, spawn(program, args, { stdio: 'pipe' }));
  }

  /** At once, whatever it was doing. */
  async powerCut(): Promise<void> {
    await this.#machine?.end('SIGKILL');
  }

  /** Also forgets what the firmware kept. */
  async close(): Promise<void> {
    await this.powerCut();
    rmSync(this.#options.dir, { recursive: true, force: true });
  }
}
