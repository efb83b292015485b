import { badRequest, StatusError, tooLarge } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { DecodeError, decodeJson, memberPath } from '#registry/decode/json-decode.ts';
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

export interface CheckOptions extends Omit<DecodeOptions, 'contentType' | 'maxBytes'> {
  /** What was found before: fields that came twice. */
  readonly faults?: readonly string[];
  /** Fields that are not known are told by their names, not in the order of the document. */
  readonly byName?: boolean;
  /** Makes the error for what does not fit; with it the kind is checked too. */
  readonly refuse?: (why: string) => StatusError;
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
  const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  const limit = options.maxBytes ?? maxBodyBytes;
  if (body.length > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
  const { value, faults } = parse(text, options);
  return objectOf(value, faults, kindOf(value, text, options), options);
}

/**
 * What was read from a body that says it is of the kind `gvk`, as an object of the kind asked for. `faults` were found while it was
 * read. @throws StatusError BadRequest
 */
export function objectOf(value: unknown, faults: readonly string[], gvk: GroupVersionKind, options: DecodeOptions): DecodedObject {
  const refuse = (why: string): StatusError => notHandled(gvk, options.gvk.kind, why);
  if (!isRegistered(gvk)) {
    throw refuse(
      `no kind ${JSON.stringify(gvk.kind)} is registered for version ${JSON.stringify(groupVersion(gvk))} in scheme "pkg/runtime/scheme.go:110"`,
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
  return checked({ object: (value ?? {}) as KubeObject, faults, gvk, options, refuse });
}

/**
 * An object that was put together here (by a patch) as one of its kind: fields the schema does not have are left out and
 * reported. Its argument may be frozen. @throws StatusError BadRequest
 */
export function checkObject(object: KubeObject, options: CheckOptions): DecodedObject {
  const { gvk, faults = [], refuse = (why: string): StatusError => notHandled(gvk, gvk.kind, why) } = options;
  const isOther = (object.kind ?? gvk.kind) !== gvk.kind || (object.apiVersion ?? groupVersion(gvk)) !== groupVersion(gvk);
  if (options.refuse && isOther) refuseKind(object, gvk, refuse);
  return checked({ object, faults, gvk, options, refuse });
}

interface Checked {
  readonly object: KubeObject;
  readonly faults: readonly string[];
  readonly gvk: GroupVersionKind;
  readonly options: Pick<CheckOptions, 'definition' | 'fieldValidation' | 'byName'>;
  readonly refuse: (why: string) => StatusError;
}

function checked({ object, faults, gvk, options, refuse }: Checked): DecodedObject {
  const walk = new Walk();
  const result = compileDefinition(options.definition).check(object, walk) as KubeObject;
  if (walk.error !== undefined) throw refuse(walk.error);
  if (options.byName) walk.unknownFields.sort();
  const strict = inOrder(object, walk, faults);
  const validation = options.fieldValidation ?? 'Warn';
  if (validation === 'Strict' && strict.length > 0) throw refuse(`strict decoding error: ${strict.join(', ')}`);
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = result;
  return { object: { apiVersion: groupVersion(gvk), kind: gvk.kind, ...rest }, warnings: validation === 'Warn' ? strict : [] };
}

const repeated = /^duplicate field "(.*)"$/;

/**
 * What strict decoding found, in the order of the document; faults of YAML, which was read before, stand first. Of a field that is
 * not known it is not said that it came twice.
 */
function inOrder(object: unknown, { unknownFields }: Walk, faults: readonly string[]): string[] {
  const unknown = unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`);
  const twice = faults.filter((fault) => !unknownFields.includes(repeated.exec(fault)?.[1] ?? ''));
  if (twice.length === 0 || unknown.length === 0 || !twice.some((fault) => repeated.test(fault))) return [...twice, ...unknown];
  const places = new Map<string, number>();
  number(object, '', places);
  const place = (fault: string): number => places.get(/^[a-z ]*"(.*)"$/.exec(fault)?.[1] ?? '') ?? -1;
  return [...twice, ...unknown].sort((a, b) => place(a) - place(b));
}

/** Numbers the fields of a document by their paths, as they come. */
function number(value: unknown, path: string, places: Map<string, number>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const at = memberPath(path, Array.isArray(value) ? Number(key) : key);
    places.set(at, places.size);
    number(member, at, places);
  }
}

function refuseKind(object: KubeObject, gvk: GroupVersionKind, refuse: (why: string) => StatusError): never {
  const apiVersion = object.apiVersion ?? '';
  const found = { ...(groupVersionOf(apiVersion) ?? { group: '', version: apiVersion }), kind: object.kind ?? '' };
  if (isRegistered(found))
    throw refuse(`converting (${goName(found, found.version)}) to (${goName(gvk, gvk.version)}): unknown conversion`);
  const [kind, version] = [found.kind, groupVersion(found)].map((text) => JSON.stringify(text));
  throw refuse(`no kind ${kind} is registered for version ${version} in scheme "pkg/runtime/scheme.go:110"`);
}

/** What in an object does not fit its schema, in the words of server-side apply; undefined when all does. */
export function misfitOf(object: KubeObject, definition: string): string | undefined {
  const walk = new Walk();
  compileDefinition(definition).check(object, walk);
  if (walk.unknownFields[0] !== undefined) return `.${walk.unknownFields[0]}: field not declared in schema`;
  return walk.misfit;
}

/** What was read up to its kind, but is no such object. */
export function notHandled(gvk: GroupVersionKind, expected: string, why: string): StatusError {
  return badRequest(`${gvk.kind} in version ${JSON.stringify(gvk.version)} cannot be handled as a ${expected}: ${why}`);
}

const goName = (gvk: GroupVersionKind, qualifier: string): string => `${qualifier.split('.')[0] ?? ''}.${gvk.kind}`;

function parse(text: string, options: DecodeOptions): { value: unknown; faults: readonly string[] } {
  const type = (options.contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase();
  try {
    if (type === 'application/yaml') {
      const { value, faults } = decodeYaml(text);
      const together = faults.length > 0 ? [`yaml: unmarshal errors:\n  ${faults.join('\n  ')}`] : [];
      return { value, faults: options.fieldValidation === 'Strict' ? together : faults };
    }
    if (type !== 'application/json' && type !== '') throw unknownFormat();
    const { value, duplicates } = decodeJson(text);
    return { value, faults: duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (type === 'application/yaml') throw unrecognized(text, options, error.message);
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
    if (value === null) return options.gvk;
    throw fail(
      `json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
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

/** What does not even say what it is. */
export function unrecognized(body: string | Uint8Array, { gvk }: Pick<DecodeOptions, 'gvk'>, why: string): StatusError {
  return badRequest(`the object provided is unrecognized (must be of type ${gvk.kind}): ${why} (${summary(body)})`);
}

/** The beginning of a body, as Kubernetes shows it: text for JSON, else hexadecimal. */
function summary(body: string | Uint8Array): string {
  const length = 30;
  if (body.length === 0) return '<empty>';
  const more = body.length > length ? ' ...' : '';
  const text = typeof body === 'string' ? body : String.fromCharCode(...body.subarray(0, length));
  if (text.startsWith('{')) return `${text.slice(0, length)}${more}`;
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const hex = [...bytes.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${hex.join('')}${more}`;
}
