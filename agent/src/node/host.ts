/** The door to what only the operating system knows of this machine. */
export interface Host {
  hostname(): string;
  /** As Go names it: amd64, arm64, arm. */
  architecture(): string;
  cpus(): number;
  memoryBytes(): number;
  /** Addresses of the interfaces, loopback and link-local ones left out. */
  addresses(): readonly HostAddress[];
  /** The slow facts (systeminformation, in a process of its own); undefined when they cannot be had. */
  probe(): Promise<HostProbe | undefined>;
}

export interface HostAddress {
  readonly interfaceName: string;
  readonly address: string;
  readonly family: 4 | 6;
}

export interface HostProbe {
  /** `Raspberry Pi 4 Model B Rev 1.4`, `QEMU Standard PC`; empty when unknown. */
  readonly model: string;
  readonly systemUuid: string;
  readonly distribution: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}
