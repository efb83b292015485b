import type { Clock } from '@flotilla/shared/clock/clock.js';
import { forbidden, type StatusError } from '@flotilla/shared/errors/status.js';
import type { AdmissionAttributes, Registry } from '#registry/generic/types.ts';

/** One rule about what may be written. Mutating parts of all plugins run before the first validating one. @throws StatusError */
export interface AdmissionPlugin {
  readonly name: string;
  mutate?(attributes: AdmissionAttributes): void | Promise<void>;
  validate?(attributes: AdmissionAttributes): void;
}

/** What plugins look things up in; the registry itself, so that they see every write that came before. */
export interface AdmissionEnv {
  readonly registry: () => Registry;
  readonly clock: Clock;
  /** A suffix for generated names. */
  readonly suffix: () => string;
}

/** `pods`, without a subresource, in the core group. */
export function isResource({ definition, subresource }: AdmissionAttributes, resource: string, of = ''): boolean {
  return definition.group === '' && definition.resource === resource && subresource === of;
}

/** The 403 of a plugin; what has no name yet goes by the beginning of the one it will get. */
export function refuse({ definition, name, object }: AdmissionAttributes, why: string): StatusError {
  return forbidden(definition, name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown', why);
}
