import { type FieldError, invalid, invalidObject, notSupported } from '@flotilla/shared/errors/field.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { DeleteOptions } from '#registry/generic/types.ts';
import { parseBody } from './body.ts';
import { bodyFormat } from './negotiation.ts';
import { dryRunFaults, integer } from './query-options.ts';
import { isTrue } from './request-info.ts';

const policies = ['Foreground', 'Background', 'Orphan'] as const;
type Policy = (typeof policies)[number];

interface RawOptions {
  readonly kind?: unknown;
  readonly gracePeriodSeconds?: unknown;
  readonly propagationPolicy?: unknown;
  readonly orphanDependents?: unknown;
  readonly dryRun?: unknown;
  readonly preconditions?: { readonly uid?: unknown; readonly resourceVersion?: unknown } | null;
}

/** `metav1.DeleteOptions` from the body, or from the query when there is no body. @throws StatusError */
export function readDeleteOptions(query: URLSearchParams, body: Buffer, contentType: string | undefined): DeleteOptions {
  const raw = body.length > 0 ? fromBody(body, contentType) : fromQuery(query);
  const faults: FieldError[] = [];
  const grace = raw.gracePeriodSeconds ?? undefined;
  if (grace !== undefined && !Number.isSafeInteger(grace)) throw badRequest('gracePeriodSeconds must be an integer');
  const policy = raw.propagationPolicy ?? undefined;
  const orphan = raw.orphanDependents ?? undefined;
  if (policy !== undefined && orphan !== undefined) {
    faults.push(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  } else if (policy !== undefined && !policies.includes(policy as Policy)) {
    faults.push(notSupported('propagationPolicy', policy, [...policies, 'nil']));
  }
  const dryRun = Array.isArray(raw.dryRun) ? raw.dryRun.map(String) : [];
  faults.push(...dryRunFaults(dryRun));
  if (faults.length > 0) throw invalidObject('DeleteOptions', 'meta.k8s.io', '', faults);
  const { uid, resourceVersion } = raw.preconditions ?? {};
  return {
    ...(grace !== undefined ? { gracePeriodSeconds: Math.max(0, grace as number) } : {}),
    ...(policy !== undefined ? { propagationPolicy: policy as Policy } : {}),
    ...(orphan !== undefined ? { propagationPolicy: orphan ? 'Orphan' : 'Background' } : {}),
    ...(uid || resourceVersion
      ? {
          preconditions: { ...(uid ? { uid: String(uid) } : {}), ...(resourceVersion ? { resourceVersion: String(resourceVersion) } : {}) },
        }
      : {}),
    dryRun: dryRun.length > 0,
  };
}

function fromBody(body: Buffer, contentType: string | undefined): RawOptions {
  const value = parseBody(body, bodyFormat(contentType));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('the body of a delete must be DeleteOptions');
  const raw = value as RawOptions;
  if (raw.kind !== undefined && raw.kind !== 'DeleteOptions') throw badRequest(`decoded object cannot be converted to DeleteOptions`);
  return raw;
}

function fromQuery(query: URLSearchParams): RawOptions {
  return {
    gracePeriodSeconds: integer(query, 'gracePeriodSeconds'),
    propagationPolicy: query.get('propagationPolicy') || undefined,
    orphanDependents: query.has('orphanDependents') ? isTrue(query.get('orphanDependents')) : undefined,
    dryRun: query.getAll('dryRun'),
  };
}
