import type { Lifecycle, LifecycleHandler, Probe } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, required } from '@flotilla/shared/errors/field.js';
import { named, nonNegative, requiredOneOf } from './fields.ts';
import { portName, portNumber, regexError } from './names.ts';

const headerName = (value: string): string[] =>
  /^[-A-Za-z0-9]+$/.test(value)
    ? []
    : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', 'X-Header-Name')];

/** A liveness or startup probe. */
export function validateProbe(probe: Probe | undefined, graceSeconds: number | undefined, path: string): FieldError[] {
  if (!probe) return [];
  const faults = validateProbeCommon(probe, graceSeconds, path);
  if (probe.successThreshold !== 1) faults.push(invalid(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  return faults;
}

export function validateReadinessProbe(probe: Probe | undefined, graceSeconds: number | undefined, path: string): FieldError[] {
  if (!probe) return [];
  const faults = validateProbeCommon(probe, graceSeconds, path);
  const own = probe.terminationGracePeriodSeconds;
  if (own !== undefined) faults.push(invalid(`${path}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes'));
  return faults;
}

function validateProbeCommon(probe: Probe, graceSeconds: number | undefined, path: string): FieldError[] {
  const faults = validateHandler(probe, graceSeconds, path);
  for (const field of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    faults.push(...nonNegative(`${path}.${field}`, probe[field]));
  }
  const own = probe.terminationGracePeriodSeconds;
  if (own !== undefined && own <= 0) faults.push(invalid(`${path}.terminationGracePeriodSeconds`, own, 'must be greater than 0'));
  return faults;
}

export function validateLifecycle(
  lifecycle: Lifecycle,
  graceSeconds: number | undefined,
  osName: string | undefined,
  path: string,
): FieldError[] {
  const faults: FieldError[] = [];
  if (lifecycle.postStart) faults.push(...validateHandler(lifecycle.postStart, graceSeconds, `${path}.postStart`));
  if (lifecycle.preStop) faults.push(...validateHandler(lifecycle.preStop, graceSeconds, `${path}.preStop`));
  if (lifecycle.stopSignal !== undefined && osName === undefined) {
    faults.push(forbiddenField(`${path}.stopSignal`, 'may not be set for containers with empty `spec.os.name`'));
  }
  return faults;
}

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

function validateHandler(handler: Handler, graceSeconds: number | undefined, path: string): FieldError[] {
  const faults: FieldError[] = [];
  let handlers = 0;
  const take = (kind: keyof Handler, validate: () => FieldError[]): void => {
    if (!handler[kind]) return;
    if (++handlers > 1) faults.push(forbiddenField(`${path}.${kind}`, 'may not specify more than 1 handler type'));
    else faults.push(...validate());
  };
  take('exec', () => (handler.exec?.command?.length ? [] : [required(`${path}.exec.command`)]));
  take('httpGet', () => validateHttpGet(handler.httpGet ?? { port: 0 }, `${path}.httpGet`));
  take('tcpSocket', () => validatePort(handler.tcpSocket?.port, `${path}.tcpSocket.port`));
  take('grpc', () => validatePort(handler.grpc?.port, `${path}.grpc.port`));
  take('sleep', () => {
    const seconds = handler.sleep?.seconds ?? 0;
    if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
    return [invalid(`${path}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`)];
  });
  if (handlers === 0) faults.push(required(path, 'must specify a handler type'));
  return faults;
}

function validateHttpGet(action: NonNullable<Probe['httpGet']>, path: string): FieldError[] {
  return [
    ...(action.path ? [] : [required(`${path}.path`)]),
    ...validatePort(action.port, `${path}.port`),
    ...requiredOneOf(`${path}.scheme`, action.scheme, ['HTTP', 'HTTPS']),
    ...(action.httpHeaders ?? []).flatMap(({ name }) => named(`${path}.httpHeaders`, name ?? '', headerName)),
  ];
}

function validatePort(port: number | string | undefined, path: string): FieldError[] {
  if (typeof port === 'string') return named(path, port, portName);
  return portNumber(port ?? 0).map((why) => invalid(path, port ?? 0, why));
}
