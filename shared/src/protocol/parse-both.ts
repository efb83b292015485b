import { linkLimits } from './limits.ts';
import type { PodReference, Refusal, StreamMessage } from './link-messages.ts';
import type { LogOptions } from './log-options.ts';
import { ProtocolError, type RefusalReason } from './protocol-error.ts';
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

export function parseStream(value: unknown): StreamMessage {
  const shape = new Shape('stream', value);
  const head = { session: shape.integer('session'), id: shape.integer('id') };
  const op = shape.text('op');
  if (op === 'credit') return { ...head, op, bytes: shape.integer('bytes', 1) };
  if (op === 'open') {
    const logs = shape.nested('logs');
    return {
      ...head,
      op,
      credit: shape.integer('credit'),
      logs: { pod: pod(logs.nested('pod')), options: logOptions(logs.nested('options')) },
    };
  }
  if (op !== 'close') throw new ProtocolError('Malformed', `stream.op is ${JSON.stringify(op)}`);
  const length = shape.optionalInteger('length');
  const error = shape.optionalText('error', linkLimits.proseBytes);
  return { ...head, op, ...(length === undefined ? {} : { length }), ...(error === undefined ? {} : { error }) };
}

function pod(shape: Shape): PodReference {
  return { namespace: shape.text('namespace'), name: shape.text('name'), uid: shape.text('uid') };
}

function logOptions(shape: Shape): LogOptions {
  const options: Record<string, unknown> = { container: shape.text('container') };
  for (const name of ['follow', 'previous', 'timestamps']) if (shape.has(name)) options[name] = shape.boolean(name);
  for (const name of ['sinceSeconds', 'tailLines', 'limitBytes']) if (shape.has(name)) options[name] = shape.integer(name);
  if (shape.has('sinceTime')) options['sinceTime'] = shape.text('sinceTime');
  return { container: shape.text('container'), ...options };
}
