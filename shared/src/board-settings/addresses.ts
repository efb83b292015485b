/** Addresses as people type them; no names. */
export function isAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

export function isAddressWithPrefix(text: string): boolean {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  return isAddress(address) && Number(prefix) > 0 && Number(prefix) <= (isIpv4(address) ? 32 : 128);
}

function isIpv4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255 && String(Number(part)) === part);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}
