import { readFileSync } from 'node:fs';
import { interfaceAddresses } from '@flotilla/shared/platform/interface-addresses.js';

/** The machine's serial number, at most 128 characters; empty when it has none. */
export function machineSerial(): string {
  return firstText(['/sys/firmware/devicetree/base/serial-number', '/sys/class/dmi/id/product_uuid', '/etc/machine-id']);
}

/** What its maker calls it; empty when it does not say. */
export function machineModel(): string {
  return firstText(['/sys/firmware/devicetree/base/model', '/sys/class/dmi/id/product_name']);
}

/** Addresses under which others may reach this machine now. */
export function machineAddresses(): string[] {
  return interfaceAddresses()
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

function firstText(files: readonly string[]): string {
  for (const file of files) {
    try {
      const text = readFileSync(file, 'utf8').replaceAll('\0', '').trim();
      if (text) return text.slice(0, 128);
    } catch {
      // Not every machine has every one of these.
    }
  }
  return '';
}
