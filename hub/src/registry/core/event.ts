import type { Event } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import { textColumn, wideColumn } from '#registry/generic/columns.ts';
import { since } from '#registry/generic/human-duration.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { named } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { byteLength, dnsSubdomain, qualifiedName } from '#registry/validation/names.ts';

/** As long as Kubernetes keeps them. */
const ttlSeconds = 3600;
const namespaceWords = 'does not match event.namespace';

/** The rules of events in either group (core/validation, legacyValidateEvent); `reporter` names the field of who reports. */
export function validateEvent(event: Event, reporter = 'reportingComponent'): FieldError[] {
  const namespace = event.metadata?.namespace ?? '';
  const about = event.involvedObject?.namespace ?? '';
  const faults: FieldError[] = [];
  if (event.eventTime) {
    if (!about && namespace !== 'default' && namespace !== 'kube-system')
      faults.push(invalid('involvedObject.namespace', about, namespaceWords));
    faults.push(...validateReporter(event, reporter));
  } else if (about ? namespace !== about : namespace !== '' && namespace !== 'default') {
    faults.push(invalid('involvedObject.namespace', about, namespaceWords));
  }
  return [...faults, ...named('namespace', namespace, dnsSubdomain)];
}

function validateReporter(event: Event, field: string): FieldError[] {
  const faults: FieldError[] = [];
  const reporter = event.reportingComponent ?? '';
  if (!reporter) faults.push(required(field));
  faults.push(...named(field, reporter, qualifiedName));
  for (const [name, most] of [
    ['reportingInstance', 128],
    ['action', 128],
    ['reason', 128],
    ['message', 1024],
  ] as const) {
    const text = event[name] ?? '';
    if (!text && name !== 'message') faults.push(required(name));
    if (byteLength(text) > most) faults.push(invalid(name, '', `can have at most ${most} characters`));
  }
  return faults;
}

function lastSeen({ series, lastTimestamp, firstTimestamp, eventTime }: Event, nowMs: number): string {
  return since(series ? series.lastObservedTime : lastTimestamp || firstTimestamp || eventTime, nowMs);
}

function subject({ involvedObject: { kind = '', name } = {} }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function source({ source: from, reportingComponent, reportingInstance }: Event): string {
  const component = from?.component || reportingComponent || '';
  const host = from?.host || reportingInstance;
  return host ? `${component}, ${host}` : component;
}

export const events: ResourceDefinition<Event> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Event',
  strategy: {
    validate: (event) => [...validateEvent(event), ...validateMetadata(event, { namespaced: true })],
    validateUpdate: (event) => validateEvent(event),
  },
  columns: [
    textColumn('Last Seen', 'When it was seen last, as the time that has passed since.', lastSeen),
    textColumn('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
    textColumn('Reason', 'Why it happened, in one word.', ({ reason }) => reason ?? ''),
    textColumn('Object', 'What it is about.', subject),
    wideColumn('Subobject', 'The part it is about.', ({ involvedObject }) => involvedObject?.fieldPath ?? ''),
    wideColumn('Source', 'Who reports it.', source),
    textColumn('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
    wideColumn('First Seen', 'When it was seen first, as the time that has passed since.', (event, nowMs) =>
      since(event.firstTimestamp || event.eventTime, nowMs),
    ),
    wideColumn('Count', 'How often it was seen.', ({ series, count }) => series?.count ?? (count || 1)),
    { ...wideColumn('Name', 'The name of the event.', ({ metadata }) => metadata?.name ?? ''), format: 'name' },
  ],
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  ttlSeconds,
  allowCreateOnUpdate: true,
};
