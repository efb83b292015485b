import type { ContainerState, Runtime, SandboxState } from '#runtime/types.ts';

/**
 * What the runtime was last seen to hold. Lists are shared: however many ask, one runs and at most one follows.
 *
 * INVARIANT: a list that began before this agent changed a pod never hides that change; the pod is looked at again.
 */
export class RuntimeView {
  readonly #runtime: Pick<Runtime, 'list'>;
  #byUid = new Map<string, readonly SandboxState[]>();
  #turn = 0;
  readonly #touched = new Map<string, number>();
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  constructor(runtime: Pick<Runtime, 'list'>) {
    this.#runtime = runtime;
  }

  uids(): IterableIterator<string> {
    return this.#byUid.keys();
  }

  /** The sandbox to use first: ready before not, older before younger. */
  sandboxes(uid: string): readonly SandboxState[] {
    return this.#byUid.get(uid) ?? [];
  }

  /** Resolves when a list that began after this call is taken in. */
  refresh(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#list().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#following ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#following = undefined;
        return this.refresh();
      });
    return this.#following;
  }

  putSandbox(sandbox: SandboxState): void {
    this.#touch(sandbox.uid, (sandboxes) => [...sandboxes.filter(({ id }) => id !== sandbox.id), sandbox]);
  }

  putContainer(uid: string, sandboxId: string, container: ContainerState): void {
    this.#touch(uid, (sandboxes) =>
      sandboxes.map((sandbox) =>
        sandbox.id === sandboxId
          ? { ...sandbox, containers: [...sandbox.containers.filter(({ id }) => id !== container.id), container] }
          : sandbox,
      ),
    );
  }

  dropSandbox(uid: string, id: string): void {
    this.#touch(uid, (sandboxes) => sandboxes.filter((sandbox) => sandbox.id !== id));
  }

  dropContainer(uid: string, id: string): void {
    this.#touch(uid, (sandboxes) =>
      sandboxes.map((sandbox) => ({ ...sandbox, containers: sandbox.containers.filter((container) => container.id !== id) })),
    );
  }

  async #list(): Promise<void> {
    const began = ++this.#turn;
    const all = await this.#runtime.list();
    const next = new Map<string, SandboxState[]>();
    for (const sandbox of all) next.set(sandbox.uid, [...(next.get(sandbox.uid) ?? []), sandbox]);
    let stale = false;
    for (const [uid, turn] of this.#touched) {
      if (turn < began) {
        this.#touched.delete(uid);
        continue;
      }
      stale = true;
      const kept = this.#byUid.get(uid);
      if (kept) next.set(uid, [...kept]);
      else next.delete(uid);
    }
    for (const sandboxes of next.values()) {
      sandboxes.sort((a, b) => Number(b.ready) - Number(a.ready) || a.createdWallMs - b.createdWallMs || (a.id < b.id ? -1 : 1));
    }
    this.#byUid = next;
    if (stale) await this.#list();
  }

  #touch(uid: string, change: (sandboxes: readonly SandboxState[]) => readonly SandboxState[]): void {
    this.#touched.set(uid, this.#turn);
    const after = change(this.sandboxes(uid));
    if (after.length > 0) this.#byUid.set(uid, after);
    else this.#byUid.delete(uid);
  }
}
