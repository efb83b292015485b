import type { History, Reading, Seen, WatchLog, Write } from './history.ts';

/**
 * What cannot be in a history: empty when revisions only grow, every watch is a prefix without a gap, and no acknowledged write is
 * missing anywhere.
 */
export function checkHistory(history: History): string[] {
  const byKey = Map.groupBy(history.writes, ({ key }) => key);
  return [
    ...checkRevisions(history.writes),
    ...history.watches.flatMap((watch) => checkWatch(watch, below(watch, history.writes), byKey)),
    ...history.readings.flatMap((reading) => checkReading(reading, below(reading, history.writes))),
    ...[...Map.groupBy(history.readings, ({ prefix }) => prefix).values()].flatMap(checkReadings),
  ];
}

const below = ({ prefix }: { readonly prefix: string }, writes: readonly Write[]): readonly Write[] =>
  writes.filter(({ key }) => key.startsWith(prefix));
const isAcknowledged = (write: Write): write is Write & { acknowledged: number } => write.acknowledged !== undefined;
const said = ({ key, value }: Pick<Write, 'key' | 'value'>): string =>
  value === undefined ? `the deletion of ${key}` : `${key} = ${value}`;

/** A write that was sent after another was acknowledged has the higher revision; no revision is given twice. */
function checkRevisions(writes: readonly Write[]): string[] {
  const faults: string[] = [];
  const given = new Map<number, Write>();
  const moments = writes
    .filter((write) => isAcknowledged(write) && write.revision !== undefined)
    .flatMap((write) => [
      { at: write.sent, write, sent: true },
      { at: write.acknowledged ?? 0, write, sent: false },
    ])
    .sort((a, b) => a.at - b.at);
  let highest: Write | undefined;
  const floors = new Map<Write, Write | undefined>();
  for (const { write, sent } of moments) {
    if (sent) {
      floors.set(write, highest);
      continue;
    }
    const revision = write.revision ?? 0;
    const twin = given.get(revision);
    if (twin) faults.push(`revision ${revision} was given to ${said(twin)} and to ${said(write)}`);
    given.set(revision, write);
    const floor = floors.get(write);
    if (floor && revision <= (floor.revision ?? 0)) {
      faults.push(`${said(write)} got revision ${revision} after ${said(floor)} had got ${floor.revision}`);
    }
    if (revision > (highest?.revision ?? 0)) highest = write;
  }
  return faults;
}

type ByKey = ReadonlyMap<string, readonly Write[]>;

function checkWatch(watch: WatchLog, writes: readonly Write[], byKey: ByKey): string[] {
  const { from, events, completeUpTo } = watch;
  const told = new Set(events.map((event) => writeOf(event, byKey)));
  const faults: string[] = [];
  let last = from;
  for (const event of events) {
    if (event.revision <= last) faults.push(`a watch told of ${said(event)} at revision ${event.revision} after revision ${last}`);
    last = Math.max(last, event.revision);
    if (!writeOf(event, byKey)) faults.push(`a watch told of ${said(event)} at ${event.revision}, which nobody wrote`);
  }
  const upTo = Math.max(last, completeUpTo);
  for (const write of writes.filter(isAcknowledged)) {
    if (write.revision === undefined || write.revision <= from || write.revision > upTo) continue;
    if (!told.has(write)) {
      faults.push(`a watch from ${from} that told all up to ${upTo} left out ${said(write)} at ${write.revision}`);
    }
  }
  return [...faults, ...checkTurns(events, byKey), ...checkLeftOut(watch, writes, told)];
}

/** What was written to one key one after the other is told in that order. */
function checkTurns(events: readonly Seen[], byKey: ByKey): string[] {
  const faults: string[] = [];
  const lastOf = new Map<string, Write>();
  for (const event of events) {
    const write = writeOf(event, byKey);
    const before = lastOf.get(event.key);
    if (!write) continue;
    if (before && before !== write && isAcknowledged(write) && write.acknowledged < before.sent) {
      faults.push(`a watch told of ${said(before)} before ${said(write)}, which was acknowledged before the other was sent`);
    }
    lastOf.set(event.key, write);
  }
  return faults;
}

/** A write whose answer tells no revision stands between the ones before and after it: when a watch told the later it told the write. */
function checkLeftOut({ from, events, completeUpTo }: WatchLog, writes: readonly Write[], told: ReadonlySet<Write | undefined>): string[] {
  const upTo = Math.max(events.at(-1)?.revision ?? from, completeUpTo);
  const sure = writes.filter((write): write is Write & { acknowledged: number } => isAcknowledged(write) && write.revision !== undefined);
  const lastTold = Math.max(0, ...sure.filter(({ revision = 0 }) => revision <= upTo).map(({ sent }) => sent));
  const begun = Math.min(...sure.filter(({ revision = 0 }) => revision >= from).map(({ acknowledged }) => acknowledged));
  return writes
    .filter(isAcknowledged)
    .filter((write) => write.revision === undefined && write.acknowledged < lastTold && begun < write.sent && !told.has(write))
    .map((write) => `a watch from ${from} that told all up to ${upTo} left out ${said(write)}`);
}

/** Each key as its last acknowledged write left it, or as one that may have come after it did. */
function checkReading({ asked, answered, revision, items }: Reading, writes: readonly Write[]): string[] {
  const faults: string[] = [];
  const before = writes.filter((write) => isAcknowledged(write) && write.acknowledged < asked);
  const newest = before.reduce((most, write) => Math.max(most, write.revision ?? 0), 0);
  if (revision < newest) faults.push(`a reading was as of revision ${revision}, but ${newest} was acknowledged before`);
  const found = new Map(items.map((item) => [item.key, item]));
  const byKey = Map.groupBy(writes, ({ key }) => key);
  for (const [key, own] of byKey) {
    const last = own.filter((write) => isAcknowledged(write) && write.acknowledged < asked).reduce(later, undefined);
    const possible = own.filter(
      (write) => !write.refused && write.sent < answered && (!last || write === last || !endsBefore(write, last)),
    );
    const item = found.get(key);
    if (item) {
      if (!possible.some((write) => isOf(item, write))) faults.push(missing(key, item, last));
    } else if (last?.value !== undefined && !possible.some(({ value }) => value === undefined)) faults.push(missing(key, item, last));
  }
  for (const { key, revision: at } of items) {
    if (!byKey.has(key)) faults.push(`${key} is there, which nobody wrote`);
    if (at > revision) faults.push(`${key} is there as of revision ${at}, in a reading as of ${revision}`);
  }
  return faults;
}

const later = (a: Write | undefined, b: Write): Write => (a && (a.acknowledged ?? 0) > (b.acknowledged ?? 0) ? a : b);
const endsBefore = (write: Write, other: Write): boolean => write.acknowledged !== undefined && write.acknowledged < other.sent;
const missing = (key: string, item: Seen | undefined, last: Write | undefined): string =>
  `${last ? said(last) : `nothing of ${key}`}${last?.revision ? ` at ${last.revision}` : ''} was acknowledged, but there is ${
    item ? `${said(item)} at ${item.revision}` : `no ${key}`
  }`;

/** No key goes back in time, and no reading does. */
function checkReadings(readings: readonly Reading[]): string[] {
  const faults: string[] = [];
  const newest = new Map<string, number>();
  let highest = 0;
  for (const { revision, items } of [...readings].sort((a, b) => a.asked - b.asked)) {
    if (revision < highest) faults.push(`a reading was as of revision ${revision} after one as of ${highest}`);
    highest = Math.max(highest, revision);
    for (const item of items) {
      if (item.revision < (newest.get(item.key) ?? 0))
        faults.push(`${item.key} went back from revision ${newest.get(item.key)} to ${item.revision}`);
      newest.set(item.key, item.revision);
    }
  }
  return faults;
}

const writeOf = (seen: Seen, byKey: ByKey): Write | undefined => byKey.get(seen.key)?.find((write) => isOf(seen, write));

function isOf(seen: Seen, write: Write): boolean {
  if (write.refused || seen.key !== write.key || seen.value !== write.value) return false;
  return write.revision === undefined || write.revision === seen.revision;
}
