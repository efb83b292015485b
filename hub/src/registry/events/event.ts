import type { Event as CoreEvent, EventsEvent } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import { events as coreEvents, validateEvent } from '#registry/core/event.ts';
import { jsonEqual } from '#registry/generic/json.ts';
import type { ResourceDefinition, TableColumn } from '#registry/generic/types.ts';

/** Names of this group for what core/v1 calls otherwise. */
const renamed: readonly (readonly [own: keyof EventsEvent, core: keyof CoreEvent])[] = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

type Fields = Record<string, unknown>;

function rename(object: object, names: readonly (readonly [from: string, to: string])[]): Fields {
  const result: Fields = { ...object };
  for (const [from, to] of names) {
    if (!Object.hasOwn(result, from)) continue;
    result[to] = result[from];
    delete result[from];
  }
  return result;
}

const fromCore = renamed.map(([own, core]) => [core, own] as const);

/** Every field of the one has its place in the other. */
function show(core: CoreEvent): EventsEvent {
  return { ...rename(core, fromCore), apiVersion: 'events.k8s.io/v1', kind: 'Event' } as unknown as EventsEvent;
}

function take(event: EventsEvent): CoreEvent {
  return { ...rename(event, renamed), apiVersion: 'v1', kind: 'Event' } as unknown as CoreEvent;
}

function validateSeries({ series }: EventsEvent): FieldError[] {
  if (!series) return [];
  const faults: FieldError[] = [];
  if ((series.count ?? 0) < 2) faults.push(invalid('series.count', '', 'should be at least 2'));
  if (!series.lastObservedTime) faults.push(required('series.lastObservedTime'));
  return faults;
}

/** What this group forbids, under the names of core/v1 (core/validation, ValidateEventCreate). */
function validateNew(event: EventsEvent): FieldError[] {
  const core = take(event);
  const faults = [...validateEvent(core, 'reportingController'), ...validateSeries(event)];
  if (!event.eventTime) faults.push(required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning') faults.push(invalid('type', '', `has invalid value: ${event.type ?? ''}`));
  const unset = (field: string, isSet: unknown): void => {
    if (isSet) faults.push(invalid(field, '', 'needs to be unset'));
  };
  unset('firstTimestamp', core.firstTimestamp);
  unset('lastTimestamp', core.lastTimestamp);
  unset('count', core.count);
  unset('source', core.source?.component || core.source?.host);
  return faults;
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const satisfies readonly (keyof CoreEvent)[];

/** An event of this group only goes on as a series (core/validation, ValidateEventUpdate). */
function validateChange(event: EventsEvent, before: EventsEvent): FieldError[] {
  const [core, old] = [take(event), take(before)];
  const faults = validateEvent(core, 'reportingController');
  if (!jsonEqual(event.series, before.series)) faults.push(...validateSeries(event));
  for (const field of fixed) {
    if (isEmpty(core[field]) && isEmpty(old[field])) continue;
    if (jsonEqual(core[field], old[field])) continue;
    faults.push(invalid(field === 'reportingComponent' ? 'reportingController' : field, core[field], 'field is immutable'));
  }
  return faults;
}

/** Go does not tell what was left out from what is empty. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === '' || value === 0;
}

/** What the fields to select by are called in the core group, where that differs. */
const fields: Readonly<Record<string, string>> = {
  'regarding.kind': 'involvedObject.kind',
  'regarding.namespace': 'involvedObject.namespace',
  'regarding.name': 'involvedObject.name',
  'regarding.uid': 'involvedObject.uid',
  'regarding.apiVersion': 'involvedObject.apiVersion',
  'regarding.resourceVersion': 'involvedObject.resourceVersion',
  'regarding.fieldPath': 'involvedObject.fieldPath',
  reportingController: 'reportingComponent',
};

/** The same events as those of core/v1, under the names and the stricter rules of their own group. */
export const eventsOfGroup: ResourceDefinition<EventsEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'io.k8s.api.events.v1.Event',
  viewOf: {
    group: coreEvents.group,
    resource: coreEvents.resource,
    fields,
    show: (object) => show(object as CoreEvent),
    take,
  },
  strategy: { validate: validateNew, validateUpdate: validateChange },
  columns: coreEvents.columns.map(
    (column): TableColumn<EventsEvent> => ({ ...column, value: (event, nowMs) => column.value(take(event), nowMs) }),
  ),
  selectableFields: Object.fromEntries(
    Object.entries({ ...fields, reason: 'reason', type: 'type' }).map(([own, core]) => [
      own,
      (event: EventsEvent): string => coreEvents.selectableFields?.[core]?.(take(event)) ?? '',
    ]),
  ),
  allowCreateOnUpdate: true,
};
