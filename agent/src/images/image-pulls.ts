import { createHash } from 'node:crypto';
import { parseImageReference } from '#runtime/image-reference.ts';
import { type ImageState, type RegistryAuth, type Runtime, RuntimeError } from '#runtime/types.ts';

interface Pull {
  readonly result: Promise<ImageState>;
  readonly cancel: AbortController;
  waiting: number;
}

const atOnce = 2;

/**
 * The board's images. However many pods want an image at a time, it is pulled once; at most two images are pulled at once, in the
 * order they were asked for; a pull that nobody waits for any more is given up. When to try again is the pods' business.
 */
export class ImagePulls {
  readonly #runtime: Pick<Runtime, 'image' | 'pullImage'>;
  readonly #pulls = new Map<string, Pull>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(runtime: Pick<Runtime, 'image' | 'pullImage'>) {
    this.#runtime = runtime;
  }

  image(reference: string): Promise<ImageState | undefined> {
    return this.#runtime.image(reference);
  }

  /** @throws RuntimeError with reason ErrImagePull, InvalidImageName, Aborted or Unavailable */
  async pullImage(reference: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageState> {
    if (signal?.aborted) throw aborted(signal);
    const key = pullKey(reference, auth);
    const pull = this.#pulls.get(key) ?? this.#begin(key, reference, auth);
    pull.waiting++;
    try {
      return await untilAborted(pull.result, signal);
    } finally {
      pull.waiting--;
      if (pull.waiting === 0) {
        // Whoever asks from now on begins anew, and does not join a pull that is being given up.
        if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
        pull.cancel.abort();
      }
    }
  }

  #begin(key: string, reference: string, auth: RegistryAuth | undefined): Pull {
    const cancel = new AbortController();
    const result = this.#inTurn(cancel.signal, () => this.#runtime.pullImage(reference, auth, cancel.signal));
    const pull = { result, cancel, waiting: 0 };
    this.#pulls.set(key, pull);
    const forget = (): void => {
      if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
    };
    result.then(forget, forget);
    return pull;
  }

  async #inTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (this.#running >= atOnce) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running++;
    try {
      if (signal.aborted) throw aborted(signal);
      return await run();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** Pods with other credentials do not share a pull: one of them may not be allowed to have the image. */
function pullKey(reference: string, auth: RegistryAuth | undefined): string {
  const { canonical } = parseImageReference(reference);
  return auth === undefined
    ? canonical
    : `${canonical} ${createHash('sha256')
        .update(JSON.stringify([auth.username, auth.password]))
        .digest('hex')}`;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function aborted(signal: AbortSignal): RuntimeError {
  return new RuntimeError('Aborted', 'the pull was given up', { cause: signal.reason });
}
