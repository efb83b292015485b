import { badRequest, StatusError, tooLarge } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson } from '#registry/decode/json-decode.ts';
import { decodeYaml } from '#registry/decode/yaml-decode.ts';
import type { FieldValidation } from '#registry/generic/types.ts';
import { compileDefinition } from './compile.ts';
import { type GroupVersionKind, groupVersion, groupVersionOf, isRegistered } from './kinds.ts';
import { Walk } from './walk.ts';

/** The largest body Kubernetes takes. */
export const maxBodyBytes = 3 * 1024 * 1024;

export interface DecodeOptions {
  /** `application/json` when left out. */
  readonly contentType?: string | undefined;
  /** `io.k8s.api.apps.v1.Deployment` */
  readonly definition: string;
  /** What the URL asks for. */
  readonly gvk: GroupVersionKind;
  /** `Warn` when left out, as in Kubernetes. */
  readonly fieldValidation?: FieldValidation | undefined;
  readonly maxBytes?: number;
}

export interface DecodedObject {
  /** Fields of the schema only, normalised as Kubernetes stores them; `apiVersion` and `kind` are set. */
  readonly object: KubeObject;
  /** For `Warning:` headers; empty unless validation is `Warn`. */
  readonly warnings: readonly string[];
}

/**
 * The body of a POST or PUT as an object of one kind. @throws StatusError BadRequest, RequestEntityTooLarge or
 * UnsupportedMediaType in Kubernetes' words
 */
export function decodeObject(body: string | Uint8Array, options: DecodeOptions): DecodedObject {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const limit = options.maxBytes ?? maxBodyBytes;
  if (body.length > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
  const { value, faults } = parse(text, options);
  const gvk = kindOf(value, text, options);
  const refuse = (why: string): StatusError => notHandled(gvk, options.gvk.kind, why);
  if (!isRegistered(gvk)) {
    throw refuse(
      `no kind ${JSON.stringify(gvk.kind)} is registered for version ${JSON.stringify(groupVersion(gvk))} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    );
  }
  if (gvk.kind !== options.gvk.kind) {
    throw refuse(`converting (${goName(gvk, gvk.version)}) to (${goName(options.gvk, options.gvk.group || 'core')}): unknown conversion`);
  }
  const everywhere = gvk.kind === 'DeleteOptions';
  if (!everywhere && groupVersion(gvk) !== groupVersion(options.gvk)) {
    throw badRequest(
      `the API version in the data (${groupVersion(gvk)}) does not match the expected API version (${groupVersion(options.gvk)})`,
    );
  }
  return checked({ object: value as KubeObject, faults, gvk, options, refuse });
}

/**
 * An object that was put together here (by a patch) as one of its kind: fields the schema does not have are left out and
 * reported. Its argument may be frozen. @throws StatusError BadRequest
 */
export function checkObject(object: KubeObject, options: Omit<DecodeOptions, 'contentType' | 'maxBytes'>): DecodedObject {
  const refuse = (why: string): StatusError => notHandled(options.gvk, options.gvk.kind, why);
  return checked({ object, faults: [], gvk: options.gvk, options, refuse });
}

interface Checked {
  readonly object: KubeObject;
  readonly faults: readonly string[];
  readonly gvk: GroupVersionKind;
  readonly options: Pick<DecodeOptions, 'definition' | 'fieldValidation'>;
  readonly refuse: (why: string) => StatusError;
}

function checked({ object, faults, gvk, options, refuse }: Checked): DecodedObject {
  const walk = new Walk();
  const result = compileDefinition(options.definition).check(object, walk) as KubeObject;
  if (walk.error !== undefined) throw refuse(walk.error);
  const strict = [...faults, ...walk.unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`)];
  const validation = options.fieldValidation ?? 'Warn';
  if (validation === 'Strict' && strict.length > 0) throw refuse(`strict decoding error: ${strict.join(', ')}`);
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = result;
  return { object: { apiVersion: groupVersion(gvk), kind: gvk.kind, ...rest }, warnings: validation === 'Warn' ? strict : [] };
}

function notHandled(gvk: GroupVersionKind, expected: string, why: string): StatusError {
  return badRequest(`${gvk.kind} in version ${JSON.stringify(gvk.version)} cannot be handled as a ${expected}: ${why}`);
}

const goName = (gvk: GroupVersionKind, qualifier: string): string => `${qualifier.split('.')[0] ?? ''}.${gvk.kind}`;

function parse(text: string, options: DecodeOptions): { value: unknown; faults: readonly string[] } {
  const type = (options.contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase();
  try {
    if (type === 'application/yaml') {
      const { value, faults } = decodeYaml(text);
      return { value, faults: faults.length > 0 ? [`yaml: unmarshal errors:\n  ${faults.join('\n  ')}`] : [] };
    }
    if (type !== 'application/json' && type !== '') throw unknownFormat();
    const { value, duplicates } = decodeJson(text);
    return { value, faults: duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw unrecognized(text, options, `couldn't get version/kind; json parse error: ${error.message}`);
  }
}

function unknownFormat(): StatusError {
  const message = 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml';
  return new StatusError(415, 'UnsupportedMediaType', message);
}

/** What the body says it is; what it does not say is taken from the URL. */
function kindOf(value: unknown, text: string, options: DecodeOptions): GroupVersionKind {
  const fail = (why: string): StatusError => unrecognized(text, options, `couldn't get version/kind; json parse error: ${why}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    if (value !== null)
      throw fail(
        `json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
      );
    throw unrecognized(text, options, `Object 'Kind' is missing in 'null'`);
  }
  const { apiVersion, kind } = value as Record<string, unknown>;
  for (const [field, found] of Object.entries({ apiVersion, kind })) {
    if (found === undefined || found === null || typeof found === 'string') continue;
    const type = Array.isArray(found) ? 'array' : typeof found === 'boolean' ? 'bool' : typeof found;
    throw fail(`json: cannot unmarshal ${type} into Go struct field .${field} of type string`);
  }
  const parsed = apiVersion ? groupVersionOf(String(apiVersion)) : options.gvk;
  if (!parsed) throw unrecognized(text, options, `unexpected GroupVersion string: ${String(apiVersion)}`);
  return { group: parsed.group, version: parsed.version, kind: kind ? String(kind) : options.gvk.kind };
}

function unrecognized(text: string, options: DecodeOptions, why: string): StatusError {
  return badRequest(`the object provided is unrecognized (must be of type ${options.gvk.kind}): ${why} (${summary(text)})`);
}

/** The beginning of a body, as Kubernetes shows it: text for JSON, else hexadecimal. */
function summary(text: string): string {
  const length = 30;
  if (text === '') return '<empty>';
  const more = text.length > length ? ' ...' : '';
  if (text.startsWith('{')) return `${text.slice(0, length)}${more}`;
  const hex = [...new TextEncoder().encode(text).slice(0, length)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${hex.join('')}${more}`;
}
