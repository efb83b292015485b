import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** Every address that the interfaces of this machine have now. */
export function interfaceAddresses(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
}
