import { linkLimits } from './limits.ts';
import type { Refusal } from './link-messages.ts';
import type { RefusalReason } from './protocol-error.ts';
import { Shape } from './shape.ts';

/** Messages that either side may send, checked field by field. Each throws ProtocolError `Malformed`. */

const reasons: readonly RefusalReason[] = [
  ...(['Malformed', 'Unsupported', 'Gap', 'TooLarge', 'Forbidden', 'Version', 'Untrusted', 'Session', 'Busy', 'Failed'] as const),
];

export function parseRefusal(value: unknown): Refusal {
  const shape = new Shape('refusal', value);
  const said = shape.text('reason');
  return {
    about: shape.text('about', 512),
    reason: reasons.find((reason) => reason === said) ?? 'Failed',
    message: shape.text('message', linkLimits.proseBytes),
  };
}
