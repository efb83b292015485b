import { StatusError } from '@flotilla/shared/errors/status.js';

/** In what form an answer goes out: text form and, by `as=`, which kind of object. */
export interface Representation {
  readonly format: 'json' | 'yaml' | 'protobuf';
  readonly as: 'Object' | 'Table' | 'PartialObjectMetadata';
  /** `v1` or `v1beta1`, of meta.k8s.io; `v1` for plain objects. */
  readonly version: string;
  /** Whether metadata was asked for as that of a list. */
  readonly isList?: boolean;
}

interface Clause {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

interface Asked {
  /** Whether the kind has a form in protobuf. */
  readonly typed?: boolean;
  /** Whether the path can be watched. */
  readonly streams?: boolean;
}

const plain: Representation = { format: 'json', as: 'Object', version: 'v1' };
const cache = new Map<string, Representation>();
const cacheSize = 100;
const protobuf = 'application/vnd.kubernetes.protobuf';
const formats: Readonly<Record<string, Representation['format']>> = {
  'application/json': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
  [protobuf]: 'protobuf',
};
const formNames = `application/json, application/yaml, ${protobuf}`;
const streamNames = `application/json;stream=watch, ${protobuf};stream=watch`;

/**
 * Picks the first form in the client's order of preference that we can give (apimachinery, `negotiation`); JSON rather than protobuf
 * where both are admitted, because the hub has the JSON of an object at hand. @throws StatusError NotAcceptable
 */
export function negotiate(accept: string | undefined, { typed = true, streams = false }: Asked = {}): Representation {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return plain;
  const known = cache.get(accept);
  if (known && (typed || known.format !== 'protobuf')) return known;
  const found = parseAccept(accept).flatMap((clause) => match(clause) ?? []);
  const [first] = found.filter(({ format, as }) => typed || format !== 'protobuf' || as === 'PartialObjectMetadata');
  const representation =
    first?.format === 'protobuf' ? (found.find((one) => one.format === 'json' && one.as === first.as) ?? first) : first;
  if (representation) {
    if (typed && cache.size < cacheSize) cache.set(accept, representation);
    return representation;
  }
  // A form that is not known of a text that is: the answer of Kubernetes' own negotiation, not of its router.
  throw parseAccept(accept).some(({ type }) => formats[type] !== undefined)
    ? notAcceptable()
    : noRepresentation(streams ? `${formNames}, ${streamNames}` : formNames);
}

/** Whether an answer that everybody gets in JSON has to be protobuf for this client. */
export function onlyProtobuf(accept: string | undefined): boolean {
  if (!accept?.includes(protobuf)) return false;
  const found = parseAccept(accept).flatMap((clause) => match(clause) ?? []);
  return found.length > 0 && found.every(({ format }) => format === 'protobuf');
}

export function notAcceptable(): StatusError {
  return new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${formNames}`);
}

/** @throws StatusError NotAcceptable when a page that is JSON is no answer for the client */
export function requireJson(accept: string | undefined): void {
  const admitted = accept === undefined || accept === '' || parseAccept(accept).some(({ type }) => formats[type] === 'json');
  if (!admitted) throw noRepresentation('application/json');
}

function noRepresentation(available: string): StatusError {
  return new StatusError(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${available}`, {});
}

/** The media types of an Accept header, best first. */
export function parseAccept(accept: string): Clause[] {
  const clauses = accept.split(',').map((text): Clause => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters: Record<string, string> = {};
    for (const part of rest) {
      const equals = part.indexOf('=');
      if (equals > 0) parameters[part.slice(0, equals).toLowerCase()] = part.slice(equals + 1).replace(/^"(.*)"$/, '$1');
    }
    const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']);
    return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 0 };
  });
  // As in Kubernetes a quality of zero only comes last.
  return clauses.sort((a, b) => b.quality - a.quality);
}

function match({ type, parameters }: Clause): Representation | undefined {
  const format = formats[type];
  if (!format) return undefined;
  const { as, g, v } = parameters;
  if (as === undefined) return { format, as: 'Object', version: 'v1' };
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined;
  if (as === 'Table') return format === 'protobuf' ? undefined : { format, as, version: v };
  const isList = as === 'PartialObjectMetadataList';
  if (as === 'PartialObjectMetadata' || isList) return { format, as: 'PartialObjectMetadata', version: v, isList };
  return undefined;
}

const bodyFormats = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;
export type BodyFormat = (typeof bodyFormats)[number];

/** The form of a request body. A body without a type is JSON. `typed` as in {@link negotiate}. @throws StatusError UnsupportedMediaType */
export function bodyFormat(contentType: string | undefined, typed = true): BodyFormat {
  const type = mediaType(contentType);
  if (type === '') return 'application/json';
  const accepted = bodyFormats.filter((known) => typed || known !== protobuf);
  const format = accepted.find((known) => known === type);
  if (!format) throw unsupportedMediaType(accepted);
  return format;
}

export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** What the router of Kubernetes says to a PATCH of another form. */
export const unsupportedPatch = (): StatusError => new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}
