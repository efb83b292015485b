/** A Debian package in an image. */
export interface PackageEntry {
  readonly name: string;
  readonly version: string;
  /** As its copyright file names them; empty where that is free text. */
  readonly licences: readonly string[];
}

/** What dpkg's status file says is installed, sorted by name. */
export function packagesOf(status: string): { readonly name: string; readonly version: string }[] {
  return status
    .split('\n\n')
    .filter((entry) => /^Status: install ok installed$/m.test(entry))
    .map((entry) => ({ name: field(entry, 'Package'), version: field(entry, 'Version') }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The licences that a machine-readable copyright file names (Debian's copyright format 1.0). */
export function licencesOf(copyright: string): string[] {
  const names = [...copyright.matchAll(/^License:[ \t]*(\S[^\n]*)$/gm)].map(([, name]) => (name ?? '').trim());
  return [...new Set(names)].sort();
}

function field(entry: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(entry)?.[1] ?? '';
}
