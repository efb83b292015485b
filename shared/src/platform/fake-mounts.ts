import type { Mounts } from './mounts.ts';

/** Remembers what is mounted; nothing is. */
export class FakeMounts implements Mounts {
  /** Sizes in bytes by path; undefined for one without limit. */
  readonly mounted = new Map<string, number | undefined>();

  async memory(path: string, { sizeBytes }: { readonly sizeBytes?: number }): Promise<boolean> {
    if (this.mounted.has(path)) return false;
    this.mounted.set(path, sizeBytes);
    return true;
  }

  async release(path: string): Promise<void> {
    for (const place of [...this.mounted.keys()]) if (place === path || place.startsWith(`${path}/`)) this.mounted.delete(place);
  }
}
