import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { RegistryAuth } from '#runtime/types.ts';
import type { ObjectLookup } from '#volumes/payloads.ts';

interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
}

/** The credentials that the pod's imagePullSecrets hold for an image's registry; the longest matching entry counts. */
export function registryAuth(pod: Pod, reference: string, objects: Pick<ObjectLookup, 'secret'>): RegistryAuth | undefined {
  const image = qualify(reference);
  let best: { length: number; auth: RegistryAuth } | undefined;
  for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
    const data = objects.secret(pod.metadata?.namespace ?? '', name)?.data ?? {};
    for (const [server, entry] of entriesOf(data)) {
      const prefix = server
        .replace(/^https?:\/\//, '')
        .replace(/\/(v[12]\/?)?$/, '')
        .replace(/^index\.docker\.io$/, 'docker.io');
      const matches = image === prefix || image.startsWith(`${prefix}/`);
      const auth = matches ? decode(entry) : undefined;
      if (auth && (!best || prefix.length > best.length)) best = { length: prefix.length, auth };
    }
  }
  return best?.auth;
}

function entriesOf(data: Readonly<Record<string, string>>): [string, DockerAuth][] {
  try {
    const current = data['.dockerconfigjson'];
    const text = Buffer.from(current ?? data['.dockercfg'] ?? '', 'base64').toString('utf8');
    const parsed = JSON.parse(text || '{}') as { auths?: Record<string, DockerAuth> } & Record<string, DockerAuth>;
    return Object.entries(current === undefined ? parsed : (parsed.auths ?? {}));
  } catch {
    return [];
  }
}

function decode({ username, password, auth }: DockerAuth): RegistryAuth | undefined {
  if (username !== undefined && password !== undefined) return { username, password };
  const text = Buffer.from(auth ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** `busybox` → `docker.io/library/busybox`: only as far as matching a registry needs it. */
function qualify(reference: string): string {
  const first = reference.split('/')[0] ?? '';
  if (!reference.includes('/')) return `docker.io/library/${reference}`;
  return first.includes('.') || first.includes(':') || first === 'localhost' ? reference : `docker.io/${reference}`;
}
