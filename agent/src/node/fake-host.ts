import type { Host, HostAddress, HostProbe } from './host.ts';

/** A board that is always the same. */
export class FakeHost implements Host {
  hostname(): string {
    return 'board';
  }

  architecture(): string {
    return 'arm64';
  }

  cpus(): number {
    return 4;
  }

  memoryBytes(): number {
    return 2 ** 31;
  }

  addresses(): readonly HostAddress[] {
    return [{ interfaceName: 'eth0', address: '192.0.2.7', family: 4 }];
  }

  async probe(): Promise<HostProbe | undefined> {
    return { model: 'Fake Board 1', systemUuid: 'fake-uuid', distribution: 'Fake 1', cpus: 4, memoryBytes: 2 ** 31 };
  }
}
