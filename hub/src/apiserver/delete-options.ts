import { type FieldError, invalid, invalidObject, notSupported } from '@flotilla/shared/errors/field.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { DeleteOptions } from '#registry/generic/types.ts';
import { parseBody } from './body.ts';
import { bodyFormat } from './negotiation.ts';
import { decodeMessage, type Envelope, readEnvelope } from './protobuf/decode-protobuf.ts';
import { ProtobufError } from './protobuf/wire-reader.ts';
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

/** What cannot be read is a fault of the server to Kubernetes. @throws StatusError 500 in its words */
function fromBody(body: Buffer, contentType: string | undefined): RawOptions {
  const format = bodyFormat(contentType);
  const unreadable = (why: string): StatusError => new StatusError(500, '', why);
  let value: unknown;
  try {
    value = format === 'application/vnd.kubernetes.protobuf' ? optionsOf(readEnvelope(body)) : parseBody(body, format);
  } catch (error) {
    if (error instanceof ProtobufError) throw unreadable(error.message);
    if (error instanceof StatusError) throw unreadable(`couldn't get version/kind; json parse error: ${error.message}`);
    throw error;
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    const type = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    throw unreadable(`couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type ${type}`);
  }
  const raw = value as RawOptions & { readonly apiVersion?: unknown };
  if (raw.kind !== undefined && raw.kind !== 'DeleteOptions') {
    const [kind, version] = [JSON.stringify(raw.kind), JSON.stringify(raw.apiVersion ?? 'v1')];
    throw unreadable(`no kind ${kind} is registered for version ${version} in scheme "pkg/runtime/scheme.go:110"`);
  }
  const grace = raw.gracePeriodSeconds ?? undefined;
  if (grace !== undefined && !Number.isSafeInteger(grace)) {
    const found = typeof grace === 'number' ? `number ${grace}` : typeof grace === 'boolean' ? 'bool' : typeof grace;
    throw unreadable(`json: cannot unmarshal ${found} into Go struct field DeleteOptions.gracePeriodSeconds of type int64`);
  }
  return raw;
}

/** In whatever version; what says nothing of itself is taken for options. */
function optionsOf(envelope: Envelope): unknown {
  const { apiVersion, kind } = envelope;
  return decodeMessage({ ...envelope, kind: kind || 'DeleteOptions', apiVersion: apiVersion || 'v1' }) ?? { apiVersion, kind };
}

function fromQuery(query: URLSearchParams): RawOptions {
  return {
    gracePeriodSeconds: integer(query, 'gracePeriodSeconds'),
    propagationPolicy: query.get('propagationPolicy') || undefined,
    orphanDependents: query.has('orphanDependents') ? isTrue(query.get('orphanDependents')) : undefined,
    dryRun: query.getAll('dryRun'),
  };
}
