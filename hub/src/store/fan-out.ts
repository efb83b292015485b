import type { Revision, StoreEvent, Watch, WatchHandler } from './contract.ts';

interface Watcher {
  readonly prefix: string;
  readonly after: Revision;
  readonly handler: WatchHandler;
}

/** Hands the events of every commit to the watchers of a store. */
export class FanOut {
  readonly #watchers = new Set<Watcher>();

  add(prefix: string, after: Revision, handler: WatchHandler): Watch {
    const watcher: Watcher = { prefix, after, handler };
    this.#watchers.add(watcher);
    return { stop: () => void this.#watchers.delete(watcher) };
  }

  publish(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    for (const watcher of this.#watchers) {
      const wanted = select(events, watcher.prefix, watcher.after);
      if (wanted.length > 0) watcher.handler.events(wanted);
    }
  }

  end(error: Error): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.handler.ended(error);
  }
}

function select(events: readonly StoreEvent[], prefix: string, after: Revision): readonly StoreEvent[] {
  const all = prefix === '' && (events[0]?.revision ?? 0) > after;
  return all ? events : events.filter((event) => event.revision > after && event.key.startsWith(prefix));
}
