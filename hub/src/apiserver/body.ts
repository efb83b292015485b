import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { parse as parseYaml } from 'yaml';
import type { FieldValidation, RequestContext } from '#registry/generic/types.ts';
import { type BodyFormat, bodyFormat } from './negotiation.ts';
import type { BodyShape } from './write-handlers.ts';

export function parseBody(body: Buffer, format: BodyFormat): unknown {
  const text = body.toString('utf8');
  try {
    return format === 'application/json' ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}

export function decodeBody(
  _ctx: RequestContext,
  body: Buffer,
  contentType: string | undefined,
  _shape: BodyShape,
  _fieldValidation: FieldValidation | undefined,
): KubeObject {
  return parseBody(body, bodyFormat(contentType)) as KubeObject;
}
