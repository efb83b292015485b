import { hostname, networkInterfaces } from 'node:os';

/** The names and addresses by which this machine is reached: host name and every address of its interfaces. */
export function localNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return [hostname(), ...addresses.filter((entry) => !entry.scopeid).map((entry) => entry.address)];
}
