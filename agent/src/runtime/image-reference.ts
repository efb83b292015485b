import { RuntimeError } from './types.ts';

export interface ImageReference {
  /** `docker.io`, `localhost`, `registry.example:5000`. */
  readonly registry: string;
  /** `library/busybox`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** All of it: `docker.io/library/busybox:latest`. */
  readonly canonical: string;
}

// The grammar of distribution/reference.
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const pathPart = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const hostPart =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?$|^\[[0-9a-fA-F:]+\](?::[0-9]+)?$/;

/**
 * Completes an image name as Kubernetes does: no registry means Docker Hub, no tag and no digest means `:latest`.
 * @throws RuntimeError with reason InvalidImageName, in the kubelet's words
 */
export function parseImageReference(text: string): ImageReference {
  const bad = (why: string): RuntimeError => new RuntimeError('InvalidImageName', `couldn't parse image name "${text}": ${why}`);
  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) throw bad('invalid reference format');
  const lastSlash = beforeDigest.lastIndexOf('/');
  const colon = beforeDigest.indexOf(':', lastSlash + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) throw bad('invalid reference format');

  const firstSlash = name.indexOf('/');
  const first = firstSlash < 0 ? '' : name.slice(0, firstSlash);
  // Only something that looks like a host is one: `me/app` is on Docker Hub, `localhost/app` and `box.lan/app` are not.
  const hasHost = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  let registry = hasHost ? first : 'docker.io';
  let repository = hasHost ? name.slice(firstSlash + 1) : name;
  if (registry === 'index.docker.io') registry = 'docker.io';
  if (registry === 'docker.io' && repository !== '' && !repository.includes('/')) repository = `library/${repository}`;

  if (!hostPart.test(registry) || repository.length > 255) throw bad('invalid reference format');
  if (repository !== repository.toLowerCase()) throw bad(`invalid reference format: repository name (${repository}) must be lowercase`);
  if (!repository.split('/').every((part) => pathPart.test(part))) throw bad('invalid reference format');

  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  const canonical = `${registry}/${repository}${effectiveTag === undefined ? '' : `:${effectiveTag}`}${digest === undefined ? '' : `@${digest}`}`;
  return { registry, repository, tag: effectiveTag, digest, canonical };
}

/** Whether the text is an image's id (as the runtime prints it) rather than a name. */
export function isImageId(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(text);
}
