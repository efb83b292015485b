import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { RuntimeError, type SandboxSpec, type SandboxState } from '../types.ts';
import { errorText, type LibpodAnswer, type LibpodCall, LibpodError } from './libpod-client.ts';
import { podName } from './pod-names.ts';
import type { PodNetwork } from './pod-network.ts';
import type { PodmanIndex } from './podman-index.ts';
import { hostsFile, sandboxBody } from './sandbox-body.ts';

export interface SandboxMakerDoors {
  readonly clock: Clock;
  readonly owner: string;
  readonly network: PodNetwork;
  readonly index: PodmanIndex;
  readonly call: (method: 'GET' | 'POST' | 'DELETE', path: string, options: LibpodCall) => Promise<LibpodAnswer>;
  readonly list: (signal: AbortSignal | undefined) => Promise<readonly SandboxState[]>;
  readonly remove: (id: string, signal: AbortSignal | undefined) => Promise<void>;
  readonly folderOf: (podUid: string) => string;
}

const callTimeoutMs = 120_000;
const addressAttempts = 8;
/** A pod found half made is removed and made anew; if that happens again, somebody else is at it. */
const makingAttempts = 3;

/** Makes pods in podman: infra container, network, hosts file. What an earlier call left half made is finished or made anew. */
export class SandboxMaker {
  readonly #doors: SandboxMakerDoors;

  constructor(doors: SandboxMakerDoors) {
    this.#doors = doors;
  }

  /** @throws RuntimeError with reason NetworkNotReady or CreatePodSandboxError */
  async create(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<SandboxState> {
    const { index, network, list } = this.#doors;
    if (!index.filled) await list(signal);
    if (!spec.hostNetwork) await network.ready(signal);
    for (let attempt = 1; ; attempt++) {
      const ip = spec.hostNetwork ? undefined : (spec.ip ?? index.addressOf(spec.uid) ?? network.take(index.addressesInUse()));
      const made = await this.#make(spec, ip, signal);
      if (typeof made === 'object') return made;
      // podman knows of somebody else with this address: a pod that was half made, or removed by force.
      if (spec.ip !== undefined || attempt === addressAttempts) throw new RuntimeError('CreatePodSandboxError', made);
      if (ip !== undefined) network.refuse(ip);
    }
  }

  /** The sandbox, or podman's words when the address is somebody's already. */
  async #make(spec: SandboxSpec, ip: string | undefined, signal: AbortSignal | undefined): Promise<SandboxState | string> {
    const { index } = this.#doors;
    index.creating(spec, ip);
    let podId: string | undefined;
    try {
      for (let attempt = 1; attempt <= makingAttempts; attempt++) {
        const made = await this.#createAndStart(spec, ip, signal);
        if (made === undefined) continue;
        if (typeof made === 'object') podId = made.id;
        return made;
      }
      throw new RuntimeError('CreatePodSandboxError', `${podName(spec)} is there and cannot be started`);
    } catch (error) {
      throw error instanceof LibpodError ? new RuntimeError('CreatePodSandboxError', error.message, { cause: error }) : error;
    } finally {
      index.created(spec.uid, podId);
    }
  }

  /** Undefined when a half-made pod was in the way and is removed now. */
  async #createAndStart(
    spec: SandboxSpec,
    ip: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SandboxState | string | undefined> {
    const { clock, owner, network, folderOf, remove } = this.#doors;
    const folder = folderOf(spec.uid);
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/hosts`, hostsFile(spec, ip, await readFile('/etc/hosts', 'utf8').catch(() => '')));
    const createdWallMs = clock.wallMs();
    const body = sandboxBody(spec, { owner, createdWallMs, ip, network: spec.hostNetwork ? undefined : network.current.name });
    const created = await this.#createPod(body, signal);
    if (created.status === 409) return this.#adopt(spec, errorText(created.body), signal);
    const { Id: id } = created.body as { Id: string };
    const refused = await this.#start(id, signal);
    if (refused === undefined) {
      return { id, namespace: spec.namespace, name: spec.name, uid: spec.uid, ready: true, ip, createdWallMs, containers: [] };
    }
    await remove(id, signal);
    if (/already allocated/.test(refused)) return refused;
    throw new RuntimeError('CreatePodSandboxError', refused);
  }

  async #createPod(body: unknown, signal: AbortSignal | undefined): Promise<LibpodAnswer> {
    const create = (): Promise<LibpodAnswer> =>
      this.#doors.call('POST', '/pods/create', { body, timeoutMs: callTimeoutMs, signal, accept: [409] });
    try {
      return await create();
    } catch (error) {
      if (!(error instanceof LibpodError && /network not found/.test(error.message))) throw error;
      await this.#doors.network.renew(signal);
      return create();
    }
  }

  /** A pod with this name is there: ours from before, whole or half made. One that cannot be started is removed. */
  async #adopt(spec: SandboxSpec, why: string | undefined, signal: AbortSignal | undefined): Promise<SandboxState | undefined> {
    const there = (await this.#doors.list(signal)).find((sandbox) => sandbox.uid === spec.uid);
    if (!there) throw new RuntimeError('CreatePodSandboxError', why ?? `${podName(spec)} is somebody else's`);
    if (!there.ready && (await this.#start(there.id, signal)) !== undefined) {
      await this.#doors.remove(there.id, signal);
      return undefined;
    }
    // The address it has is the one that counts, not the one taken for a new pod.
    if (there.ip !== undefined) this.#doors.index.creating(spec, there.ip);
    await writeFile(
      `${this.#doors.folderOf(spec.uid)}/hosts`,
      hostsFile(spec, there.ip, await readFile('/etc/hosts', 'utf8').catch(() => '')),
    );
    return { ...there, ready: true };
  }

  /** Undefined when it runs, else podman's words. */
  async #start(id: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const options = { timeoutMs: callTimeoutMs, signal, accept: [304, 409, 500] };
    const { status, body } = await this.#doors.call('POST', `/pods/${id}/start`, options);
    return status >= 400 ? (errorText(body) ?? `podman answered ${status}`) : undefined;
  }
}
