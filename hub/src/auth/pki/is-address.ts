/** Tells an IP address from a DNS name, which has no colon and is never four numbers alone. */
export function isAddress(name: string): boolean {
  return name.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}
