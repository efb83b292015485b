import { StatusError } from './status.ts';

/** One fault of one field, in the words of Kubernetes' `util/validation/field`. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** The path, as in `spec.containers[0].image`. */
  readonly field: string;
  readonly badValue?: unknown;
  readonly detail: string;
}

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

const titles: Record<FieldErrorType, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

const withoutValue: ReadonlySet<FieldErrorType> = new Set([
  'FieldValueRequired',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'InternalError',
]);

export const required = (field: string, detail = ''): FieldError => ({ type: 'FieldValueRequired', field, detail });
export const invalid = (field: string, badValue: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  badValue,
  detail,
});
export const duplicate = (field: string, badValue: unknown): FieldError => ({ type: 'FieldValueDuplicate', field, badValue, detail: '' });
export const forbiddenField = (field: string, detail: string): FieldError => ({ type: 'FieldValueForbidden', field, detail });
export const notFoundField = (field: string, badValue: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  badValue,
  detail: '',
});
export const tooLong = (field: string, max: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  detail: max < 0 ? 'value is too long' : `may not be more than ${max} bytes`,
});
export const tooMany = (field: string, found: number, most: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  badValue: found,
  detail: `must have at most ${most} items`,
});
export const notSupported = (field: string, badValue: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  badValue,
  detail: supported.length > 0 ? `supported values: ${supported.map((value) => JSON.stringify(value)).join(', ')}` : '',
});

/** The body of a cause: the error without its field. */
function body(error: FieldError): string {
  const title = titles[error.type];
  const value = withoutValue.has(error.type) ? '' : `: ${printed(error.badValue)}`;
  return `${title}${value}${error.detail ? `: ${error.detail}` : ''}`;
}

function printed(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

export function describeFieldError(error: FieldError): string {
  return `${error.field}: ${body(error)}`;
}

/** The 422 that `apierrors.NewInvalid` makes of a list of faults. `kind` is the Kind, not the plural. */
export function invalidObject(kind: string, group: string, name: string, errors: readonly FieldError[]): StatusError {
  const lines = errors.map(describeFieldError);
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const title = group ? `${kind}.${group}` : kind;
  return new StatusError(422, 'Invalid', `${title} ${JSON.stringify(name)} is invalid: ${list}`, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    kind,
    causes: errors.map((error) => ({ reason: error.type, message: body(error), field: error.field })),
  });
}
