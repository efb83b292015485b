import { badRequest } from '@flotilla/shared/errors/status.js';
import { isObject, type JsonObject, member } from './json-value.ts';

/**
 * A merge patch (RFC 7386): members of the patch replace, null removes, objects merge. Neither argument changes.
 * @throws StatusError BadRequest when the patch is no object
 */
export function applyMergePatch<T extends object>(object: T, patch: unknown): T {
  if (patch === null) throw badRequest('Invalid JSON Patch');
  if (!isObject(patch)) {
    const found = Array.isArray(patch) ? 'array' : typeof patch === 'boolean' ? 'bool' : typeof patch;
    throw badRequest(`error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
  }
  return merge(object, patch) as T;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const base: JsonObject = isObject(target) ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key === '__proto__') continue;
    if (value === null) delete result[key];
    else result[key] = merge(member(base, key), value);
  }
  return result;
}
