import { tooManyRequests } from '@flotilla/shared/errors/status.js';
import type { UserInfo } from '#registry/generic/types.ts';
import type { RequestInfo } from './request-info.ts';

export interface RequestLimits {
  /** Requests that read, at once (kube-apiserver: 400). */
  readonly reads: number;
  /** Requests that write, at once (kube-apiserver: 200). */
  readonly writes: number;
  /** Watches, followed logs and streams to pods, at once. */
  readonly streams: number;
  /** Requests of one user whose bodies are still to come, at once; they count for nothing else meanwhile. */
  readonly bodiesOfUser?: number;
}

type Limited = 'reads' | 'writes' | 'streams';
type Kind = Limited | 'exempt';

const defaultBodiesOfUser = 200;
const defaultLimits: RequestLimits = { reads: 400, writes: 200, streams: 10_000 };

/** What may go on for hours (kube-apiserver's long running requests). */
export const streamSubresources: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy', 'shell']);

export const readVerbs: ReadonlySet<string> = new Set(['get', 'head', 'list', 'options']);

/** Counts what is under way; what comes beyond the limits is told to come again. */
export class RequestLimiter {
  readonly #limits: RequestLimits;
  readonly #inFlight = { reads: 0, writes: 0, streams: 0, exempt: 0 };
  readonly #bodies = new Map<string, number>();

  constructor(limits: RequestLimits = defaultLimits) {
    this.#limits = limits;
  }

  inFlight(kind: Kind): number {
    return this.#inFlight[kind];
  }

  /** Somebody's body begins to come, at his pace. Call what it returns when it is there. @throws StatusError TooManyRequests */
  enterBody(user: string): () => void {
    const waiting = this.#bodies.get(user) ?? 0;
    if (waiting >= (this.#limits.bodiesOfUser ?? defaultBodiesOfUser))
      throw tooManyRequests('Too many requests, please try again later.', 1);
    this.#bodies.set(user, waiting + 1);
    return () => {
      const left = (this.#bodies.get(user) ?? 1) - 1;
      if (left > 0) this.#bodies.set(user, left);
      else this.#bodies.delete(user);
    };
  }

  /**
   * Call what it returns when the request is over. The administrators and the probes have no limit (kube-apiserver: the priority
   * level `exempt`), so that who has to mend a crowded hub gets in. @throws StatusError TooManyRequests
   */
  enter(info: RequestInfo, { groups }: Pick<UserInfo, 'groups'>): () => void {
    const kind = groups.includes('system:masters') || isProbe(info) ? 'exempt' : kindOf(info);
    if (kind !== 'exempt' && this.#inFlight[kind] >= this.#limits[kind])
      throw tooManyRequests('Too many requests, please try again later.', 1);
    this.#inFlight[kind]++;
    return () => {
      this.#inFlight[kind]--;
    };
  }
}

const probes: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);

const isProbe = ({ verb, path }: RequestInfo): boolean => probes.has(path) && readVerbs.has(verb);

function kindOf({ verb, resource, query }: RequestInfo): Limited {
  if (verb === 'watch' || (resource?.subresource === 'log' && query.has('follow'))) return 'streams';
  if (resource && streamSubresources.has(resource.subresource)) return 'streams';
  return readVerbs.has(verb) ? 'reads' : 'writes';
}

/** Whether its body is read as a whole before anything is done. */
export function readsBody({ verb, resource }: RequestInfo): boolean {
  return resource !== undefined && !readVerbs.has(verb) && verb !== 'watch' && !streamSubresources.has(resource.subresource);
}
