import { internalError, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { stringify as yamlText } from 'yaml';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { Exchange } from './exchange.ts';
import { onlyProtobuf, type Representation } from './negotiation.ts';
import { encodeProtobuf } from './protobuf/encode-protobuf.ts';

/** An object as the whole answer. `json` is its text when it is there already. */
export function replyObject(
  exchange: Exchange,
  code: number,
  object: unknown,
  format: Representation['format'] = 'json',
  json?: string,
): void | Promise<void> {
  if (format === 'yaml')
    return exchange.reply(code, 'application/yaml', yamlText(object, { version: '1.1', schema: 'core', lineWidth: 0 }));
  if (format === 'protobuf') return exchange.reply(code, protobufType, protobufOf(object as Record<string, unknown>));
  return exchange.reply(code, 'application/json', `${json ?? encodeJson(object)}\n`);
}

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** An object whose kind is in the table of field numbers: what negotiation saw to. */
export function protobufOf(object: Readonly<Record<string, unknown>>): Buffer {
  const bytes = encodeProtobuf(object);
  if (!bytes) throw new Error(`${String(object['apiVersion'])} ${String(object['kind'])} has no form in protobuf`);
  return bytes;
}

/** The answer to a request that failed; what is no StatusError is ours to mend and is told without its inside. */
export function replyError(exchange: Exchange, error: unknown): void | Promise<void> {
  const status = asStatusError(error);
  if (status.details?.retryAfterSeconds) exchange.setHeader('Retry-After', String(status.details.retryAfterSeconds));
  const format = onlyProtobuf(exchange.header('accept')) ? 'protobuf' : 'json';
  return replyObject(exchange, status.code, status.toStatus(), format);
}

export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return internalError('the hub failed at this request; its log has the cause', { cause: error });
}

/** The answer of a deletion that is done. */
export function successStatus(details: Record<string, unknown>): KubeObject & Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

export function replyText(exchange: Exchange, code: number, text: string): void | Promise<void> {
  exchange.setHeader('X-Content-Type-Options', 'nosniff');
  return exchange.reply(code, 'text/plain; charset=utf-8', text);
}

export const noSuchPage = (exchange: Exchange): void | Promise<void> => replyText(exchange, 404, '404 page not found\n');

/** A path below a known group and version that is no resource (apiserver, `serviceErrorHandler`). */
export const noSuchResource = (): StatusError => new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

const maxWarningBytes = 4096;

/** `Warning: 299 - "…"`, each text once (RFC 7234 §5.5, with `-` as agent like Kubernetes). */
export function setWarnings(exchange: Exchange, warnings: readonly string[]): void {
  const headers: string[] = [];
  let size = 0;
  for (const warning of new Set(warnings)) {
    const text = warning.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/[^\u0020-\u00ff]/g, '?');
    const header = `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
    size += header.length;
    if (size > maxWarningBytes) break;
    headers.push(header);
  }
  if (headers.length > 0) exchange.setHeader('Warning', headers);
}
