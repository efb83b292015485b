import * as os from 'node:os';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Host, HostAddress, HostProbe } from './host.ts';

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
const probeTimeoutMs = 60_000;

export interface SystemHostOptions {
  readonly exec: Exec;
  /** The command line that runs host-probe.ts. */
  readonly probeCommand: readonly [string, ...string[]];
}

export class SystemHost implements Host {
  readonly #options: SystemHostOptions;

  constructor(options: SystemHostOptions) {
    this.#options = options;
  }

  hostname(): string {
    return os.hostname().toLowerCase();
  }

  architecture(): string {
    return architectures[os.arch()] ?? os.arch();
  }

  cpus(): number {
    return os.cpus().length;
  }

  memoryBytes(): number {
    return os.totalmem();
  }

  addresses(): readonly HostAddress[] {
    return Object.entries(os.networkInterfaces()).flatMap(([interfaceName, found = []]) =>
      found
        .filter(({ internal, address }) => !internal && !address.startsWith('169.254.') && !/^fe[89ab]/i.test(address))
        .map(({ address, family }) => ({ interfaceName, address, family: family === 'IPv6' ? (6 as const) : (4 as const) })),
    );
  }

  async probe(): Promise<HostProbe | undefined> {
    const [command, ...args] = this.#options.probeCommand;
    const { code, stdout } = await this.#options.exec.run(command, args, { timeoutMs: probeTimeoutMs });
    return code === 0 ? (JSON.parse(stdout.toString('utf8')) as HostProbe) : undefined;
  }
}
