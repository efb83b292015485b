import { hash } from 'node:crypto';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { ManifestSources } from '../manifest/manifest-sources.ts';

interface Kept {
  /** The highest sequence that was committed. */
  readonly reported: number;
  /** How the board's objects stood when its session ended. */
  readonly mark: string;
}

/**
 * What this hub has of the boards' reports from one session to the next, in memory: a board that comes back tells only what changed, where
 * nobody else has written its Node or its pods meanwhile. A hub that starts anew remembers nothing and gets full reports.
 */
export class ReportMemory {
  readonly #sources: Pick<ManifestSources, 'node' | 'podsOn'>;
  readonly #kept = new Map<string, Kept>();

  constructor(sources: Pick<ManifestSources, 'node' | 'podsOn'>) {
    this.#sources = sources;
  }

  /** A session ended; undefined when the board had not yet told everything in it. */
  keep(node: string, reported: number | undefined): void {
    if (reported === undefined || !this.#sources.node(node)) this.#kept.delete(node);
    else this.#kept.set(node, { reported, mark: this.#mark(node) });
  }

  /** Whether everything up to this sequence stands here as the board told it. */
  has(node: string, reported: number): boolean {
    const kept = this.#kept.get(node);
    return kept?.reported === reported && kept.mark === this.#mark(node);
  }

  forget(node: string): void {
    this.#kept.delete(node);
  }

  #mark(node: string): string {
    const objects: (KubeObject | undefined)[] = [this.#sources.node(node), ...this.#sources.podsOn(node)];
    const states = objects.map((object) => `${object?.metadata?.uid} ${object?.metadata?.resourceVersion}`);
    return hash('sha256', states.sort().join('\n'), 'base64url');
  }
}
