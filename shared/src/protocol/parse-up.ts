import { linkLimits } from './limits.ts';
import type { AppliedMessage, Hello, ReportMessage, TokenMessage } from './link-messages.ts';
import type { BoardEvent, NodeReport, PodReport, StatusReport } from './messages.ts';
import { Shape } from './shape.ts';

/** Messages of a board, checked field by field. Each throws ProtocolError `Malformed`. */

export function parseHello(value: unknown): Hello {
  const shape = new Shape('hello', value);
  const applied = shape.generation('applied');
  const streams = shape.optionalInteger('streams');
  const reported = shape.optionalInteger('reported');
  return {
    agentVersion: shape.text('agentVersion'),
    versions: shape.list('versions', 16).filter((version) => typeof version === 'number'),
    bootId: shape.text('bootId'),
    nonce: shape.text('nonce'),
    ...(streams === undefined ? {} : { streams }),
    ...(applied ? { applied } : {}),
    ...(reported === undefined ? {} : { reported }),
  };
}

export function parseApplied(value: unknown): AppliedMessage {
  const shape = new Shape('applied', value);
  const applied = shape.generation('applied');
  return { session: shape.integer('session'), ...(applied ? { applied } : {}) };
}

export function parseToken(value: unknown): TokenMessage {
  const shape = new Shape('token', value);
  const audience = shape.optionalText('audience', 1024);
  return {
    session: shape.integer('session'),
    id: shape.text('id'),
    namespace: shape.text('namespace'),
    serviceAccount: shape.text('serviceAccount'),
    podName: shape.text('podName'),
    podUid: shape.text('podUid'),
    ...(audience === undefined ? {} : { audience }),
    expirationSeconds: shape.integer('expirationSeconds', 1),
  };
}

export function parseReport(value: unknown): ReportMessage {
  const shape = new Shape('report', value);
  return { session: shape.integer('session'), number: shape.integer('number'), report: statusReport(shape.nested('report')) };
}

function statusReport(shape: Shape): StatusReport {
  return {
    ...(shape.has('node') ? { node: nodeReport(shape.nested('node')) } : {}),
    pods: shape.list('pods', linkLimits.podsPerReport).map((pod, index) => podReport(new Shape(`report.pods[${index}]`, pod))),
    events: shape.list('events', linkLimits.eventsPerReport).map((event, index) => boardEvent(new Shape(`report.events[${index}]`, event))),
    applied: shape.generation('applied'),
    full: shape.boolean('full'),
  };
}

function nodeReport(shape: Shape): NodeReport {
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(shape.object('labels'))) {
    if (typeof value === 'string') labels[name] = value;
  }
  const taints = shape.list('taints', 64).map((taint, index) => {
    const fields = new Shape(`report.node.taints[${index}]`, taint);
    const value = fields.optionalText('value');
    return { key: fields.text('key', 512), ...(value === undefined ? {} : { value }), effect: fields.text('effect') };
  });
  return { labels, taints, sequence: shape.integer('sequence'), status: shape.object('status') };
}

function podReport(shape: Shape): PodReport {
  return {
    uid: shape.text('uid'),
    namespace: shape.text('namespace'),
    name: shape.text('name'),
    sequence: shape.integer('sequence'),
    status: shape.object('status'),
    ...(shape.has('gone') ? { gone: shape.boolean('gone') } : {}),
  };
}

function boardEvent(shape: Shape): BoardEvent {
  const about = shape.nested('involvedObject');
  const type = shape.text('type');
  const optional = Object.fromEntries(
    ['namespace', 'uid', 'fieldPath'].flatMap((name) => (about.has(name) ? [[name, about.text(name, 512)]] : [])),
  );
  return {
    id: shape.text('id'),
    involvedObject: { kind: about.text('kind'), name: about.text('name'), ...optional },
    type: type === 'Warning' ? 'Warning' : 'Normal',
    reason: shape.text('reason'),
    message: shape.text('message', linkLimits.proseBytes),
    wallMs: shape.integer('wallMs'),
    ...(shape.has('notBeforeMs') && shape.has('notAfterMs')
      ? { notBeforeMs: shape.integer('notBeforeMs'), notAfterMs: shape.integer('notAfterMs') }
      : {}),
  };
}
