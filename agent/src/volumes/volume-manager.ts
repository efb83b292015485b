import { join } from 'node:path';
import type { EmptyDirVolumeSource, Pod, Volume, VolumeProjection } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Mounts } from '@flotilla/shared/platform/mounts.js';
import { value } from '@flotilla/shared/quantity/quantity.js';
import { giveTo, type Payload, writePayload } from './atomic-writer.ts';
import type { FieldContext } from './field-ref.ts';
import { prepareHostPath } from './host-path.ts';
import { configMapPayload, downwardPayload, hasKeys, type ObjectLookup, secretPayload } from './payloads.ts';
import type { TokenCache } from './token-cache.ts';

export interface VolumeManagerOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** `DIR/pods/UID/volumes/NAME` is where volumes lie. */
  readonly dataDir: string;
  /** On a tmpfs: secrets, tokens and `medium: Memory` lie there and never reach flash. The data directory when undefined. */
  readonly volatileDir: string | undefined;
  readonly objects: ObjectLookup;
  readonly tokens: TokenCache;
  /** Gives `medium: Memory` a file system of its own, with its limit; without it such a volume is a directory among the volatile ones. */
  readonly mounts?: Mounts | undefined;
}

export interface MountedVolumes {
  /** Host paths by volume name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Monotonic; when a token in them is due. */
  readonly refreshAtMs: number | undefined;
}

/** Names the volume that could not be set up, in the words of the kubelet's FailedMount event. */
class MountError extends Error {
  constructor(volume: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`MountVolume.SetUp failed for volume ${JSON.stringify(volume)} : ${why}`, { cause });
    this.name = 'MountError';
  }
}

/** Makes the directories behind a pod's volumes, keeps their content current, and clears them away. */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  #stamps = 0;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  /** Holds a directory per pod, named by its uid. */
  get podsDir(): string {
    return join(this.#options.dataDir, 'pods');
  }

  podDir(uid: string): string {
    return join(this.podsDir, uid);
  }

  /** Sets all volumes up, or brings them up to date; writes only what changed. @throws MountError for the first that cannot be */
  async mount(context: FieldContext): Promise<MountedVolumes> {
    const paths = new Map<string, string>();
    let refreshAtMs: number | undefined;
    for (const volume of context.pod.spec?.volumes ?? []) {
      try {
        const made = await this.#make(volume, context);
        paths.set(volume.name, made.path);
        if (made.refreshAtMs !== undefined) refreshAtMs = Math.min(made.refreshAtMs, refreshAtMs ?? Number.POSITIVE_INFINITY);
      } catch (error) {
        throw new MountError(volume.name, error);
      }
    }
    return { paths, refreshAtMs };
  }

  /** Whether all that the volumes are made of is here, and nothing of the host's own is asked for. */
  complete({ metadata, spec }: Pod): boolean {
    const { objects } = this.#options;
    const namespace = metadata?.namespace ?? '';
    const isHere = ({ configMap, secret }: VolumeProjection): boolean =>
      (!configMap || hasKeys(objects.configMap(namespace, configMap.name ?? ''), configMap)) &&
      (!secret || hasKeys(objects.secret(namespace, secret.name ?? ''), secret));
    return (spec?.volumes ?? []).every(({ configMap, secret, projected, emptyDir, downwardAPI }) => {
      if (emptyDir || downwardAPI) return true;
      if (configMap) return isHere({ configMap });
      if (secret) return isHere({ secret: { ...secret, name: secret.secretName ?? '' } });
      return projected !== undefined && (projected.sources ?? []).every(isHere);
    });
  }

  /** Where the volumes lie once they are set up. */
  paths(pod: Pod): ReadonlyMap<string, string> {
    const uid = pod.metadata?.uid ?? '';
    return new Map((pod.spec?.volumes ?? []).map((volume) => [volume.name, volume.hostPath?.path ?? this.#dir(uid, volume)]));
  }

  /** Removes all that this board keeps of a pod on disk. */
  async unmount(uid: string): Promise<void> {
    const { tokens, volatileDir, files, mounts } = this.#options;
    tokens.forget(uid);
    const volatile = join(volatileDir ?? this.#options.dataDir, 'pods', uid);
    await mounts?.release(volatile);
    if (volatileDir) await files.remove(volatile);
    await files.remove(this.podDir(uid));
  }

  async #make(volume: Volume, context: FieldContext): Promise<{ path: string; refreshAtMs?: number }> {
    const { files } = this.#options;
    const uid = context.pod.metadata?.uid ?? '';
    if (volume.hostPath) return { path: await prepareHostPath(files, volume.hostPath) };
    const path = this.#dir(uid, volume);
    const gid = context.pod.spec?.securityContext?.fsGroup ?? -1;
    if (volume.emptyDir) {
      await this.#makeEmpty(path, volume.emptyDir, gid);
      return { path };
    }
    const { payload, refreshAtMs } = await this.#payload(volume, context);
    await files.mkdir(path, { mode: 0o755 });
    const readable: Payload = gid < 0 ? payload : new Map([...payload].map(([name, file]) => [name, { ...file, mode: file.mode | 0o440 }]));
    await writePayload(files, path, readable, this.#stamp(), gid);
    return { path, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
  }

  async #makeEmpty(path: string, { medium, sizeLimit }: EmptyDirVolumeSource, gid: number): Promise<void> {
    const { files, mounts } = this.#options;
    let isNew = !(await files.stat(path));
    if (isNew) await files.mkdir(path, { mode: 0o777 });
    const sizeBytes = Math.ceil(value(sizeLimit));
    if (medium === 'Memory' && (await mounts?.memory(path, sizeBytes > 0 ? { sizeBytes } : {}))) isNew = true;
    if (isNew && gid >= 0) await giveTo(files, path, gid, 0o2777);
  }

  async #payload(volume: Volume, context: FieldContext): Promise<{ payload: Payload; refreshAtMs?: number }> {
    const { objects } = this.#options;
    const namespace = context.pod.metadata?.namespace ?? '';
    const { configMap, secret, downwardAPI, projected } = volume;
    if (configMap) {
      const { name = '', items, optional, defaultMode } = configMap;
      return { payload: configMapPayload(objects, namespace, { name, items, optional }, defaultMode) };
    }
    if (secret) {
      const { secretName: name = '', items, optional, defaultMode } = secret;
      return { payload: secretPayload(objects, namespace, { name, items, optional }, defaultMode) };
    }
    if (downwardAPI) return { payload: downwardPayload(downwardAPI.items ?? [], context, downwardAPI.defaultMode) };
    if (!projected) throw new Error('no volume plugin matched');
    const payload = new Map<string, { data: Buffer; mode: number }>();
    let refreshAtMs: number | undefined;
    for (const source of projected.sources ?? []) {
      const part = await this.#projection(source, context, projected.defaultMode);
      for (const [path, file] of part.payload) payload.set(path, file);
      if (part.refreshAtMs !== undefined) refreshAtMs = Math.min(part.refreshAtMs, refreshAtMs ?? Number.POSITIVE_INFINITY);
    }
    return { payload, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
  }

  async #projection(source: VolumeProjection, context: FieldContext, mode = 0o644): Promise<{ payload: Payload; refreshAtMs?: number }> {
    const { objects, tokens } = this.#options;
    const { metadata, spec } = context.pod;
    const namespace = metadata?.namespace ?? '';
    const { configMap, secret, downwardAPI, serviceAccountToken } = source;
    if (configMap) {
      const { name = '', items, optional } = configMap;
      return { payload: configMapPayload(objects, namespace, { name, items, optional }, mode) };
    }
    if (secret) {
      const { name = '', items, optional } = secret;
      return { payload: secretPayload(objects, namespace, { name, items, optional }, mode) };
    }
    if (downwardAPI) return { payload: downwardPayload(downwardAPI.items ?? [], context, mode) };
    if (!serviceAccountToken) throw new Error('no volume plugin matched');
    const { token, refreshAtMs } = await tokens.get(
      {
        namespace,
        serviceAccount: spec?.serviceAccountName ?? 'default',
        podName: metadata?.name ?? '',
        podUid: metadata?.uid ?? '',
        ...(serviceAccountToken.audience ? { audience: serviceAccountToken.audience } : {}),
        expirationSeconds: serviceAccountToken.expirationSeconds ?? 3600,
      },
      this.podDir(metadata?.uid ?? ''),
    );
    return { payload: new Map([[serviceAccountToken.path, { data: Buffer.from(token), mode }]]), refreshAtMs };
  }

  #dir(uid: string, volume: Volume): string {
    const { dataDir, volatileDir } = this.#options;
    const secrets = volume.projected?.sources?.some((source) => source.secret || source.serviceAccountToken);
    const volatile = volume.secret || secrets || volume.emptyDir?.medium === 'Memory';
    return join(volatile ? (volatileDir ?? dataDir) : dataDir, 'pods', uid, 'volumes', volume.name);
  }

  #stamp(): string {
    return `${new Date(this.#options.clock.wallMs())
      .toISOString()
      .replace(/[-:T.]/g, '_')
      .replace('Z', '')}_${this.#stamps++}`;
  }
}
