import { badRequest } from '@flotilla/shared/errors/status.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { isMap } from './json.ts';

export interface ContinueToken {
  /** The revision the first page was made at; -1 for whatever is newest. */
  readonly revision: number;
  /** The key the next page begins after, without the prefix of the list. */
  readonly after: string;
}

/** In the form of Kubernetes' own tokens (apiserver, storage/continue.go); for clients it is opaque. */
export function encodeContinue({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `${after}\0` })).toString('base64url');
}

/** @throws StatusError BadRequest for anything that was not made here */
export function decodeContinue(text: string): ContinueToken {
  const { v: version, rv: revision, start } = parse(text);
  if (version !== 'meta.k8s.io/v1') throw refused(`server does not recognize this encoded version ${String(version ?? '')}`);
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision === 0) {
    throw refused('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '') throw refused('encoded start key empty (version meta.k8s.io/v1)');
  const after = start.endsWith('\0') ? start.slice(0, -1) : start;
  // The key stays below the prefix it is appended to.
  if (after.split('/').some((part) => part === '' || part === '.' || part === '..')) throw refused(start);
  return { revision, after };
}

function parse(text: string): Record<string, unknown> {
  const legal = /^[\w-]*/.exec(text)?.[0].length ?? 0;
  if (legal < text.length || text.length % 4 === 1)
    throw refused(`illegal base64 data at input byte ${legal < text.length ? legal : text.length - 1}`);
  try {
    const { value } = decodeJson(Buffer.from(text, 'base64url').toString('utf8'));
    if (isMap(value)) return value;
  } catch (error) {
    if (error instanceof DecodeError) throw refused(error.message);
    throw error;
  }
  throw refused(text);
}

function refused(why: string) {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}
