import { isImageId, parseImageReference } from '../image-reference.ts';
import { type ImageState, type RegistryAuth, RuntimeError } from '../types.ts';
import type { LibpodClient } from './libpod-client.ts';
import type { LibpodImage } from './libpod-types.ts';

const maxLineBytes = 1 << 20;

export class PodmanImages {
  readonly #client: LibpodClient;
  readonly #pullTimeoutMs: number;

  constructor(client: LibpodClient, options: { readonly pullTimeoutMs: number }) {
    this.#client = client;
    this.#pullTimeoutMs = options.pullTimeoutMs;
  }

  async find(reference: string): Promise<ImageState | undefined> {
    const name = isImageId(reference) ? reference.replace('sha256:', '') : podmanName(reference);
    const { status, body } = await this.#client.call('GET', `/images/${encodeURIComponent(name)}/json`, { accept: [404] });
    return status === 404 ? undefined : imageState(body as LibpodImage);
  }

  async list(): Promise<ImageState[]> {
    const { body } = await this.#client.call('GET', '/images/json');
    return (body as LibpodImage[]).map(imageState);
  }

  /** Resolves when the image is there. podman answers 200 at once and tells of a failure in the stream. */
  async pull(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal | undefined): Promise<ImageState> {
    const name = podmanName(reference);
    const headers: Record<string, string> =
      auth === undefined ? {} : { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64') };
    let rest = '';
    let failure: string | undefined;
    let whole = '';
    const onData = (chunk: Buffer): void => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineBytes) throw new RuntimeError('ErrImagePull', `pulling ${name}: podman's answer is too long`);
      for (const line of lines) failure = pullError(line) ?? failure;
      whole = lines.findLast((line) => line.trim() !== '') ?? whole;
    };
    const query = { reference: name, policy: 'always' };
    const options = { query, headers, signal, timeoutMs: this.#pullTimeoutMs };
    const status = await this.#client.stream('POST', '/images/pull', options, onData);
    failure = pullError(rest) ?? failure;
    if (failure !== undefined || status >= 400) {
      throw new RuntimeError('ErrImagePull', failure ?? (rest || whole || `podman answered ${status}`));
    }
    const image = await this.find(reference);
    if (!image) throw new RuntimeError('ErrImagePull', `podman pulled ${name}, but it is not there`);
    return image;
  }
}

/** podman refuses a name with both tag and digest; the digest says more. */
function podmanName(reference: string): string {
  const { registry, repository, digest, canonical } = parseImageReference(reference);
  return digest === undefined ? canonical : `${registry}/${repository}@${digest}`;
}

function pullError(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { error, message } = JSON.parse(line) as { error?: unknown; message?: unknown };
    return typeof error === 'string' ? error : typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

function imageState(image: LibpodImage): ImageState {
  return {
    id: image.Id.startsWith('sha256:') ? image.Id : `sha256:${image.Id}`,
    names: [...(image.RepoTags ?? []), ...(image.RepoDigests ?? [])],
    digest: image.Digest || undefined,
    bytes: image.Size,
    user: image.Config === undefined ? undefined : (image.Config.User ?? ''),
  };
}
