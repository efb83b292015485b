/** Errors in the shape of Kubernetes' `metav1.Status`. Thrown anywhere, turned into HTTP or MQTT once, at the edge. */
export interface StatusCause {
  /** `FieldValueRequired`, `FieldValueInvalid`, … */
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, unknown>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): Status {
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message, code: this.code };
    if (this.reason) status.reason = this.reason;
    if (this.details) status.details = this.details;
    return status;
  }
}

export interface GroupResource {
  readonly group: string;
  /** The plural, as in the URL: `deployments`. */
  readonly resource: string;
}

function qualified({ group, resource }: GroupResource): string {
  return group ? `${resource}.${group}` : resource;
}

function details({ group, resource }: GroupResource, name: string, more: StatusDetails = {}): StatusDetails {
  return { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: resource, ...more };
}

export const notFound = (of: GroupResource, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualified(of)} ${JSON.stringify(name)} not found`, details(of, name));

export const alreadyExists = (of: GroupResource, name: string): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualified(of)} ${JSON.stringify(name)} already exists`, details(of, name));

export const conflict = (of: GroupResource, name: string, why: string): StatusError =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(of)} ${JSON.stringify(name)}: ${why}`, details(of, name));

export const modified = (of: GroupResource, name: string): StatusError =>
  conflict(of, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const forbidden = (of: GroupResource, name: string, why: string): StatusError =>
  new StatusError(403, 'Forbidden', `${qualified(of)}${name ? ` ${JSON.stringify(name)}` : ''} is forbidden: ${why}`, details(of, name));

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);

export const tooLarge = (message: string): StatusError => new StatusError(413, 'RequestEntityTooLarge', message);

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds });

export const unavailable = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(503, 'ServiceUnavailable', message, undefined, options);

export const internalError = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] }, options);

export const isNotFound = (error: unknown): error is StatusError => error instanceof StatusError && error.reason === 'NotFound';
export const isConflict = (error: unknown): error is StatusError => error instanceof StatusError && error.reason === 'Conflict';
export const isAlreadyExists = (error: unknown): error is StatusError => error instanceof StatusError && error.reason === 'AlreadyExists';
