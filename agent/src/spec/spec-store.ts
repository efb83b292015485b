import type { ConfigMap, Node, Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { contentDigest, parseObject, type SignedContent, textDigest } from '@flotilla/shared/protocol/content.js';
import type { Envelope } from '@flotilla/shared/protocol/envelope.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { ManifestUpdate, ObjectPart, ObjectWant } from '@flotilla/shared/protocol/manifest-messages.js';
import { compareGenerations, type Generation } from '@flotilla/shared/protocol/messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { ManifestOutcome } from '#hublink/types.ts';
import { ObjectFiles } from './object-files.ts';
import { PartialObject } from './partial-object.ts';

export interface SpecStoreOptions {
  readonly files: Files;
  /** Made with mode 0700; the objects in it include Secrets. */
  readonly dir: string;
  readonly logger: Logger;
}

/** A content as the record beside the objects has it. */
interface SpecIndex {
  readonly envelope: Envelope;
  readonly generation: Generation;
  /** Digests by key. */
  readonly entries: Readonly<Record<string, string>>;
}

interface Spec extends Omit<SpecIndex, 'entries'> {
  readonly entries: ReadonlyMap<string, string>;
}

const nothing: ManifestOutcome = { applied: false, wants: [] };

/**
 * What this board shall run, on disk before it is acknowledged.
 *
 * INVARIANTS: what is in hand is a content as the hub signed it, whole, and safe on disk; its generation never goes back while the
 * agent runs. The record names objects that lie beside it, so that after a power cut or a damaged sector the board goes on with
 * the newest whole one of the last two (desired, last good), never with a mixture. Objects fetched for the next one stay on disk.
 */
export class SpecStore {
  readonly #options: SpecStoreOptions;
  readonly #record: DurableRecord<SpecIndex>;
  readonly #files: ObjectFiles;
  readonly #partial = new PartialObject();
  #spec: Spec | undefined;
  #objects: ReadonlyMap<string, KubeObject> = new Map();
  #pods = new Map<string, Pod>();
  /** Digests of the other content that the record has. */
  #lastGood: ReadonlySet<string> = new Set();
  /** The newest one that is not complete yet. */
  #pending: Spec | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: SpecStoreOptions) {
    this.#options = options;
    this.#record = new DurableRecord(options.files, `${options.dir}/index`, { mode: 0o600 });
    this.#files = new ObjectFiles(options.files, options.dir);
  }

  /** Reads what is on disk. Never throws because of what it finds there. */
  load(): Promise<void> {
    return this.#inTurn(() => this.#load());
  }

  /**
   * Takes over a manifest once all its objects are here; resolves when it survives a power cut, or with what is missing.
   * @throws ProtocolError `Gap` when the difference cannot be followed, or the disk's error; what is in hand then stays
   */
  offer(update: ManifestUpdate): Promise<ManifestOutcome> {
    return this.#inTurn(async () => {
      const { generation, envelope, objects } = update;
      const order = this.#spec ? compareGenerations(generation, this.#spec.generation) : 1;
      if (order < 0) this.#options.logger.warn('refused an older manifest', { offered: generation, inHand: this.generation });
      if (order <= 0) return nothing;
      if (this.#pending && compareGenerations(generation, this.#pending.generation) < 0) return this.#proceed(this.#pending);
      const pending = { envelope, generation, entries: this.#entriesOf(update) };
      this.#pending = pending;
      const wanted = new Set(pending.entries.values());
      await this.#keep([...objects].filter(([digest]) => wanted.has(digest)));
      return this.#proceed(pending);
    });
  }

  /**
   * Objects that were asked for, or pieces of them.
   * @throws ProtocolError `Malformed` when a text is not what its digest says, or the disk's error
   */
  receive(parts: readonly ObjectPart[]): Promise<ManifestOutcome> {
    return this.#inTurn(async () => {
      const pending = this.#pending;
      if (!pending) return nothing;
      const wanted = new Set(pending.entries.values());
      const whole: [string, string][] = [];
      for (const part of parts) {
        if (!wanted.has(part.digest) || (await this.#files.has(part.digest))) continue;
        const text = this.#partial.add(part);
        if (text === undefined) continue;
        if (textDigest(text) !== part.digest) throw new ProtocolError('Malformed', `received an object that is not ${part.digest}`);
        whole.push([part.digest, text]);
      }
      await this.#keep(whole);
      return this.#proceed(pending);
    });
  }

  /** Undefined until a manifest was ever loaded: then nothing is known, and nothing may be taken away. */
  get generation(): Generation | undefined {
    return this.#spec?.generation;
  }

  /** Changes whenever the content that volumes and environments are made of may have changed. */
  get version(): string {
    const generation = this.generation;
    return generation ? `${generation.epoch}.${generation.revision}` : '';
  }

  /** What is in hand with the hub's signature on it, read from the disk; undefined before the first manifest, or when damaged. */
  signedContent(): Promise<SignedContent | undefined> {
    return this.#inTurn(async () => {
      if (!this.#spec) return undefined;
      const objects: Record<string, string> = {};
      for (const [key, digest] of this.#spec.entries) {
        const text = await this.#files.read(digest);
        if (text === undefined) return undefined;
        objects[key] = text;
      }
      return { envelope: this.#spec.envelope, objects };
    });
  }

  /** An object by its whole key: `nodes/NAME`, `configmaps/NAMESPACE/NAME`. */
  object<Kind extends KubeObject>(key: string): Kind | undefined {
    return this.#objects.get(key) as Kind | undefined;
  }

  /** All whose key begins so: `objects('nodeoperations/')`. In no order. */
  *objects<Kind extends KubeObject>(prefix: string): IterableIterator<Kind> {
    for (const [key, object] of this.#objects) if (key.startsWith(prefix)) yield object as Kind;
  }

  get podCIDR(): string {
    for (const node of this.objects<Node>('nodes/')) return node.spec?.podCIDR ?? '';
    return '';
  }

  pods(): IterableIterator<Pod> {
    return this.#pods.values();
  }

  pod(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.object(`configmaps/${namespace}/${name}`);
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.object(`secrets/${namespace}/${name}`);
  }

  async #load(): Promise<void> {
    const { files, dir, logger } = this.#options;
    await files.mkdir(dir, { mode: 0o700 });
    await this.#files.open();
    const { values, damaged } = await this.#record.readAll();
    if (damaged) logger.warn('a manifest on disk is damaged');
    for (const value of values) {
      const spec = { ...value, entries: new Map(Object.entries(value.entries)) };
      const objects = await this.#whole(spec);
      if (!objects) {
        logger.warn('objects of a manifest on disk are damaged', { generation: value.generation });
        continue;
      }
      this.#lastGood = new Set(values.filter((other) => other !== value).flatMap(({ entries }) => Object.values(entries)));
      this.#take(spec, objects);
      return;
    }
    const [newest] = values;
    if (newest) await this.#salvage(newest);
  }

  /**
   * Nothing is whole any more. What can be read of the newest is run; since there is then no generation in hand, nothing is taken away
   * for not being in it, and the hub sends what is missing.
   */
  async #salvage({ entries }: SpecIndex): Promise<void> {
    const objects = new Map<string, KubeObject>();
    for (const [key, digest] of Object.entries(entries)) {
      const text = await this.#files.read(digest);
      if (text !== undefined) objects.set(key, parseObject(key, text));
    }
    this.#lastGood = new Set(Object.values(entries));
    this.#hold(objects);
  }

  #entriesOf({ base, entries, generation }: ManifestUpdate): ReadonlyMap<string, string> {
    if (base !== undefined && base !== this.generation?.digest) {
      throw new ProtocolError('Gap', `the manifest is a difference to ${base}; in hand is ${this.generation?.digest ?? 'nothing'}`);
    }
    const whole = new Map(base === undefined ? [] : this.#spec?.entries);
    for (const [key, digest] of entries) {
      if (digest === null) whole.delete(key);
      else whole.set(key, digest);
    }
    if (contentDigest(whole) !== generation.digest) throw new ProtocolError('Gap', `the manifest does not lead to ${generation.digest}`);
    return whole;
  }

  /** Takes the pending one over, or tells what it lacks. */
  async #proceed(pending: Spec): Promise<ManifestOutcome> {
    const wants: ObjectWant[] = [];
    for (const digest of new Set(pending.entries.values())) {
      if (await this.#files.has(digest)) continue;
      // What has begun to arrive comes first.
      const offset = this.#partial.offset(digest);
      if (offset > 0) wants.unshift({ digest, offset });
      else if (wants.length < linkLimits.wants) wants.push({ digest, offset });
    }
    if (wants.length > 0) {
      // What came counts, also when the power fails before the rest is here.
      await this.#files.sync();
      return { applied: false, wants: wants.slice(0, linkLimits.wants) };
    }
    const objects = await this.#whole(pending, this.#spec);
    // A file was damaged under our hands: it is wanted anew.
    if (!objects) return this.#proceed(pending);
    const { envelope, generation, entries } = pending;
    // This syncs the directory, and with it the objects in it. Should the power spare the record and not them, the one before counts.
    await this.#record.write({ envelope, generation, entries: Object.fromEntries(entries) });
    this.#files.synced();
    this.#lastGood = new Set(this.#spec?.entries.values());
    this.#pending = undefined;
    this.#partial.drop();
    this.#take(pending, objects);
    await this.#clear().catch((error: unknown) => this.#options.logger.warn('could not remove old objects', { error }));
    return { applied: true, wants: [] };
  }

  /** All objects of a content, or undefined when one is missing or damaged. What did not change is taken from the one in hand. */
  async #whole(spec: Spec, inHand?: Spec): Promise<Map<string, KubeObject> | undefined> {
    const objects = new Map<string, KubeObject>();
    for (const [key, digest] of spec.entries) {
      const same = inHand?.entries.get(key) === digest ? this.#objects.get(key) : undefined;
      const text = same ? undefined : await this.#files.read(digest);
      if (!same && text === undefined) return undefined;
      objects.set(key, same ?? parseObject(key, text ?? ''));
    }
    return objects;
  }

  /** At once: a card syncs many small files in little more than the time of one. */
  async #keep(texts: readonly (readonly [digest: string, text: string])[]): Promise<void> {
    const written = await Promise.allSettled(texts.map(([digest, text]) => this.#files.write(digest, text)));
    const failed = written.find((result) => result.status === 'rejected');
    if (!failed) return;
    // The disk may be full: what waits for a manifest that does not fit must not take the rest of it.
    this.#pending = undefined;
    this.#partial.drop();
    await this.#clear().catch(() => {});
    throw failed.reason;
  }

  /** Leaves on disk what the record names, and what waits. */
  #clear(): Promise<void> {
    const keep = [this.#spec?.entries.values(), this.#pending?.entries.values(), this.#lastGood];
    return this.#files.keepOnly(new Set(keep.flatMap((digests) => [...(digests ?? [])])));
  }

  #take(spec: Spec, objects: ReadonlyMap<string, KubeObject>): void {
    this.#spec = spec;
    this.#hold(objects);
  }

  #hold(objects: ReadonlyMap<string, KubeObject>): void {
    this.#objects = objects;
    this.#pods = new Map();
    for (const pod of this.objects<Pod>('pods/')) {
      const uid = pod.metadata?.uid ?? '';
      // The uid becomes the name of a directory.
      const usable = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(uid) && Array.isArray(pod.spec?.containers);
      if (usable) this.#pods.set(uid, pod);
      else this.#options.logger.error('left out a pod that cannot be run', { pod: pod.metadata?.name, uid });
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }
}
