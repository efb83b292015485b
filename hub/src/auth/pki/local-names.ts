import { hostname } from 'node:os';
import { interfaceAddresses } from '@flotilla/shared/platform/interface-addresses.js';

/** The names and addresses by which this machine is reached: host name and every address of its interfaces. */
export function localNames(): string[] {
  return [
    hostname(),
    ...interfaceAddresses()
      .filter((entry) => !entry.scopeid)
      .map((entry) => entry.address),
  ];
}
