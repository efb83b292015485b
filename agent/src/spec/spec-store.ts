import type { ConfigMap, Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { compareGenerations, type Generation, type NodeManifest } from '@flotilla/shared/protocol/messages.js';

export interface SpecStoreOptions {
  readonly files: Files;
  /** Made with mode 0700; the manifest in it carries Secrets. */
  readonly dir: string;
  readonly logger: Logger;
}

/**
 * What this board shall run, on disk before it is acknowledged.
 *
 * INVARIANTS: the manifest in hand is always one that is safe on disk; its generation never goes back while the agent runs. After a
 * power cut or a damaged sector the board goes on with the newest whole one of the last two (desired, last good).
 */
export class SpecStore {
  readonly #options: SpecStoreOptions;
  readonly #record: DurableRecord<NodeManifest>;
  #manifest: NodeManifest | undefined;
  #pods = new Map<string, Pod>();
  #configMaps = new Map<string, ConfigMap>();
  #secrets = new Map<string, Secret>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: SpecStoreOptions) {
    this.#options = options;
    this.#record = new DurableRecord(options.files, `${options.dir}/manifest`, { mode: 0o600 });
  }

  /** Reads what is on disk. Never throws because of what it finds there. */
  async load(): Promise<void> {
    const { files, dir, logger } = this.#options;
    await files.mkdir(dir, { mode: 0o700 });
    const { value, damaged } = await this.#record.read();
    if (damaged) logger.warn('a manifest on disk is damaged', { using: value?.generation });
    if (value) this.#take(value);
  }

  /**
   * Takes over a manifest; resolves when it survives a power cut.
   * @returns whether anything is new: false for the same generation or an older one, which is refused
   * @throws the disk's error; the one in hand then stays
   */
  apply(manifest: NodeManifest): Promise<boolean> {
    const result = this.#tail.then(async () => {
      const order = this.#manifest ? compareGenerations(manifest.generation, this.#manifest.generation) : 1;
      if (order < 0) this.#options.logger.warn('refused an older manifest', { offered: manifest.generation, inHand: this.generation });
      if (order <= 0) return false;
      await this.#record.write(manifest);
      this.#take(manifest);
      return true;
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Undefined until a manifest was ever loaded: then nothing is known, and nothing may be taken away. */
  get generation(): Generation | undefined {
    return this.#manifest?.generation;
  }

  /** Changes whenever the content that volumes and environments are made of may have changed. */
  get version(): string {
    const generation = this.generation;
    return generation ? `${generation.epoch}.${generation.revision}` : '';
  }

  get podCIDR(): string {
    return this.#manifest?.podCIDR ?? '';
  }

  pods(): IterableIterator<Pod> {
    return this.#pods.values();
  }

  pod(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#configMaps.get(`${namespace}/${name}`);
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.#secrets.get(`${namespace}/${name}`);
  }

  #take(manifest: NodeManifest): void {
    this.#manifest = manifest;
    this.#pods = new Map();
    for (const pod of manifest.pods as readonly Pod[]) {
      const uid = pod.metadata?.uid ?? '';
      // The uid becomes the name of a directory.
      const usable = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(uid) && Array.isArray(pod.spec?.containers);
      if (usable) this.#pods.set(uid, pod);
      else this.#options.logger.error('left out a pod that cannot be run', { pod: pod.metadata?.name, uid });
    }
    const byKey = <Kind extends ConfigMap | Secret>(objects: readonly Kind[]): Map<string, Kind> =>
      new Map(objects.map((object) => [`${object.metadata?.namespace}/${object.metadata?.name}`, object]));
    this.#configMaps = byKey<ConfigMap>(manifest.configMaps);
    this.#secrets = byKey<Secret>(manifest.secrets);
  }
}
