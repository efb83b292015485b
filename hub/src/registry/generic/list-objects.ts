import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalidObject, notSupported } from '@flotilla/shared/errors/field.js';
import { badRequest, expired, type Status, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from '#store/cache.ts';
import { CompactedError, FutureRevisionError, type Revision } from '#store/contract.ts';
import type { WatchCache } from '#store/watch-cache.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { listPrefix } from './keys.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { ListOptions, ObjectList, RequestContext, ResourceDefinition } from './types.ts';

export interface ReadParts<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<T>;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

/** How long a read waits for a revision that this hub has not seen. */
const waitMs = 3000;

/** A list with the rules of resourceVersion, limit and continue of the Kubernetes API. @throws StatusError */
export async function listObjects<T extends KubeObject>(
  parts: ReadParts<T>,
  ctx: RequestContext,
  namespace: string,
  options: ListOptions = {},
): Promise<ObjectList<T>> {
  const { definition, cache } = parts;
  refuseOptions(listFaults(options));
  const selection = selectionOf(definition, options);
  const prefix = listPrefix(definition, definition.namespaced ? namespace : '');
  if (options.continue) {
    const wanted = parseRevision(options.resourceVersion);
    if (wanted) throw badRequest('specifying resource version is not allowed when using continue');
    const token = decodeContinue(options.continue);
    const revision = token.revision < 0 ? cache.revision : token.revision;
    return page(parts, { prefix, selection, revision, limit: options.limit ?? 0, after: prefix + token.after, continued: true });
  }
  const wanted = parseRevision(options.resourceVersion);
  const exact = options.resourceVersionMatch === 'Exact' || (!options.resourceVersionMatch && Boolean(wanted) && Boolean(options.limit));
  if (wanted) await waitForRevision(parts, wanted, ctx.signal);
  // As in Kubernetes a list of "any version" is not paged.
  const limit = wanted === 0 ? 0 : (options.limit ?? 0);
  if (exact && wanted) return page(parts, { prefix, selection, revision: wanted, limit });
  if (wanted === undefined) await cache.readable(ctx.signal);
  const revision = cache.revision;
  const all = cache.list<T>(prefix);
  return cut(all, all.length, { prefix, selection, revision, limit });
}

interface Page<T extends KubeObject> {
  readonly prefix: string;
  readonly selection: Selection<T>;
  readonly revision: Revision;
  readonly limit: number;
  readonly after?: string;
  readonly continued?: boolean;
}

/** A page at a revision of the past. Selectors may leave out what was read, so more is read until the page is full. */
async function page<T extends KubeObject>({ cache }: ReadParts<T>, wanted: Page<T>): Promise<ObjectList<T>> {
  const { prefix, selection, revision, limit } = wanted;
  const items: CachedObject<T>[] = [];
  let after = wanted.after;
  for (;;) {
    const read = await readPage<T>(cache, { ...wanted, ...(after === undefined ? {} : { after }) });
    const found = read.items;
    for (const [index, item] of found.entries()) {
      if (!selection.matches(item.object)) continue;
      items.push(item);
      const left = found.length - 1 - index + read.remaining;
      if (limit > 0 && items.length === limit && left > 0) return more(items, { prefix, selection, revision }, item.key, left);
    }
    after = found.at(-1)?.key;
    if (read.remaining === 0 || after === undefined) return { items, resourceVersion: String(revision) };
  }
}

async function readPage<T extends KubeObject>(cache: WatchCache, { prefix, revision, limit, after, continued }: Page<T>) {
  try {
    return await cache.listAt<T>(prefix, { revision, ...(limit > 0 ? { limit } : {}), ...(after === undefined ? {} : { after }) });
  } catch (error) {
    if (error instanceof FutureRevisionError) throw tooLargeRevision(revision, cache.revision, 0);
    if (!(error instanceof CompactedError)) throw error;
    if (!continued || after === undefined) throw expired('The resourceVersion for the provided list is too old.');
    throw new ExpiredContinueError(encodeContinue({ revision: -1, after: after.slice(prefix.length) }));
  }
}

/** The first page of what the cache holds now. */
function cut<T extends KubeObject>(all: readonly CachedObject<T>[], total: number, wanted: Page<T>): ObjectList<T> {
  const { selection, limit, revision } = wanted;
  const items: CachedObject<T>[] = [];
  if (selection.everything && limit === 0) return { items: all, resourceVersion: String(revision) };
  for (const [index, item] of all.entries()) {
    if (!selection.matches(item.object)) continue;
    items.push(item);
    if (limit > 0 && items.length === limit && index < total - 1) return more(items, wanted, item.key, total - 1 - index);
  }
  return { items, resourceVersion: String(revision) };
}

function more<T extends KubeObject>(
  items: readonly CachedObject<T>[],
  { prefix, selection, revision }: Pick<Page<T>, 'prefix' | 'selection' | 'revision'>,
  lastKey: string,
  left: number,
): ObjectList<T> {
  const next = encodeContinue({ revision, after: lastKey.slice(prefix.length) });
  return { items, resourceVersion: String(revision), continue: next, ...(selection.everything ? { remainingItemCount: left } : {}) };
}

/** A page was asked for whose revision is forgotten; carries a token that goes on with what is there now. */
class ExpiredContinueError extends StatusError {
  readonly #next: string;

  constructor(next: string) {
    const message =
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
    super(410, 'Expired', message);
    this.#next = next;
  }

  override toStatus(): Status {
    return { ...super.toStatus(), metadata: { continue: this.#next } };
  }
}

/** @throws StatusError BadRequest for what is no revision; undefined when none was given */
export function parseRevision(text: string | undefined): Revision | undefined {
  if (!text) return undefined;
  const revision = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(revision)) return revision;
  const why = /^[0-9]+$/.test(text) ? 'value out of range' : 'invalid syntax';
  const shown = JSON.stringify(text);
  throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: ${why}`);
}

/** Waits a little for a revision that lies ahead. @throws StatusError Timeout when it does not come */
export async function waitForRevision(
  { cache, clock }: Pick<ReadParts, 'cache' | 'clock'>,
  revision: Revision,
  signal?: AbortSignal,
): Promise<void> {
  if (revision <= cache.revision) return;
  const enough = new AbortController();
  const timer = clock.after('list wait for revision', waitMs, () => enough.abort());
  try {
    await cache.waitFor(revision, signal ? AbortSignal.any([signal, enough.signal]) : enough.signal);
  } catch (error) {
    if (enough.signal.aborted) throw tooLargeRevision(revision, cache.revision, 1);
    throw error;
  } finally {
    timer.cancel();
  }
}

function tooLargeRevision(asked: Revision, current: Revision, retryAfterSeconds: number): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });
}

export function refuseOptions(faults: readonly FieldError[]): void {
  if (faults.length > 0) throw invalidObject('ListOptions', 'meta.k8s.io', '', faults);
}

function listFaults({ resourceVersion, resourceVersionMatch: match, continue: next }: ListOptions): FieldError[] {
  if (!match) return [];
  const faults: FieldError[] = [];
  const refuse = (why: string): number => faults.push(forbiddenField('resourceVersionMatch', why));
  if (!resourceVersion) refuse('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (next) refuse('resourceVersionMatch is forbidden when continue is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan')
    faults.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
  if (match === 'Exact' && resourceVersion === '0') refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  return faults;
}
