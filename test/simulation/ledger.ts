import type { FakeRuntimeObserver } from '@flotilla/agent/runtime/fake/fake-runtime.js';
import type { StoreEvent } from '@flotilla/hub/store/contract.js';
import type { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import type { Event, Pod } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import { compareGenerations, type Generation, type StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { LinkHooks, SimulatedBoard } from './simulated-board.ts';

export interface LedgerOptions {
  readonly nowMs: () => number;
  /** Called each time an invariant is looked at. */
  readonly looked: (invariant: string) => void;
  /** The label `app` of pods that nobody ever deletes. */
  readonly still: string;
}

interface PodFacts {
  readonly name: string;
  node: string;
  deleting: boolean;
  gone: boolean;
  phase: string;
  readonly restartPolicy: string;
  readonly restarts: Map<string, number>;
}

const finished = new Set(['Succeeded', 'Failed']);

/**
 * Writes down what happens in a fleet and holds it against what must be true at every moment. The first thing that was not true is
 * thrown by `check`.
 */
export class Ledger {
  /** What stands in the store, by key. */
  readonly live = new Map<string, KubeObject>();
  /** Revisions of changes below a prefix, in order. */
  readonly podRevisions: number[] = [];
  readonly #options: LedgerOptions;
  readonly #revisions = new Map<string, number>();
  readonly #pods = new Map<string, PodFacts>();
  readonly #running = new Map<string, string>();
  readonly #starts = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #stopping = new Set<string>();
  readonly #generations = new Map<string, Generation>();
  readonly #applied = new Map<string, () => Generation | undefined>();
  readonly #connected = new Map<string, () => boolean>();
  readonly #emitted = new Map<string, Set<string>>();
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #counts = new Map<string, number>();
  readonly #apart = new Map<string, number>();
  #revision = 0;
  #violation: string | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** @throws Error that names the invariant and what broke it */
  check(): void {
    if (this.#violation !== undefined) throw new Error(this.#violation);
  }

  violated(invariant: string, what: string): void {
    this.#violation ??= `${invariant}: ${what} (at ${Math.round(this.#options.nowMs() / 1000)} s)`;
  }

  /** Looks at an invariant: `broken` says what is wrong, if anything is. */
  look(invariant: string, broken: string | false | undefined): void {
    this.#options.looked(invariant);
    if (broken) this.violated(invariant, broken);
  }

  objects<T extends KubeObject>(prefix: string): T[] {
    return [...this.live].filter(([key]) => key.startsWith(`/registry/${prefix}/`)).map(([, object]) => object as T);
  }

  facts(uid: string): Readonly<PodFacts> | undefined {
    return this.#pods.get(uid);
  }

  async follow(store: MemoryStore): Promise<void> {
    await store.watch('', 0, {
      events: (events) => {
        for (const event of events) this.#stored(event);
      },
      ended: () => {},
    });
  }

  /** What the runtime of a board does. */
  observer(node: string): FakeRuntimeObserver {
    return {
      started: (pod, container) => {
        const key = `${pod.uid}/${container.name}`;
        const facts = this.#pods.get(pod.uid);
        const elsewhere = this.#running.get(key);
        this.look('one container at a time', elsewhere !== undefined && `${key} of ${pod.name} starts on ${node} and runs on ${elsewhere}`);
        this.look(
          'only on its own board',
          facts?.node !== node && `${pod.name} (${pod.uid}) starts on ${node}, is bound to ${facts?.node}`,
        );
        const starts = add(this.#starts, key);
        const causes = facts?.restartPolicy === 'Never' ? 1 : 1 + (this.#ends.get(key) ?? 0);
        this.look('no start without cause', starts > causes && `${pod.name} was started ${starts} times, with cause ${causes} times`);
        this.#running.set(key, node);
      },
      stopping: (pod, container) => {
        this.#stopping.add(container.id);
        const facts = this.#pods.get(pod.uid);
        const cause = !facts || facts.deleting || facts.gone || finished.has(facts.phase);
        this.look('no stop without cause', !cause && `${pod.name} (${pod.uid}) is stopped on ${node} and nobody deleted it`);
      },
      ended: (pod, container) => {
        const key = `${pod.uid}/${container.name}`;
        this.#running.delete(key);
        if (!this.#stopping.delete(container.id)) add(this.#ends, key);
      },
    };
  }

  /** What passes between an agent and its link. */
  readonly hooks: LinkHooks = {
    handlers: ({ node }, handlers) => {
      this.#applied.set(node, () => handlers.applied());
      return {
        ...handlers,
        manifest: async (manifest) => {
          const outcome = await handlers.manifest(manifest);
          this.#generation(node);
          return outcome;
        },
      };
    },
    link: ({ node }, link) => {
      this.#connected.set(node, () => link.connected);
      const report = link.report.bind(link);
      link.report = async (sent) => {
        this.#reported(node, sent);
        await report(sent);
        this.#acknowledge(node, sent);
      };
      return link;
    },
  };

  /** Looked at between the steps of a run. */
  step(boards: Iterable<SimulatedBoard>, hasSession: (node: string) => boolean): void {
    for (const { node, running, frozen } of boards) {
      if (!running) continue;
      this.#generation(node);
      // The device learns of an end at the latest when a ping gets no answer.
      const apart = !frozen && this.#connected.get(node)?.() === true && !hasSession(node);
      const since = apart ? (this.#apart.get(node) ?? this.#options.nowMs()) : undefined;
      if (since === undefined) this.#apart.delete(node);
      else this.#apart.set(node, since);
      const forMs = since === undefined ? 0 : this.#options.nowMs() - since;
      this.look('sessions agree', forMs > longestApartMs && `${node} has believed for ${forMs / 1000} s in a session that the hub ended`);
    }
  }

  /** When everything has settled: what was acknowledged is all there. */
  settled(): void {
    for (const [key, ids] of this.#acknowledged) {
      const count = this.#counts.get(key) ?? 0;
      this.look('no acknowledged event is lost', count < ids.size && `${ids.size} were acknowledged of ${key}, ${count} are there`);
    }
  }

  /** What was acknowledged to a board or an operator stands in the history. */
  written(object: KubeObject): void {
    const revision = Number(object.metadata?.resourceVersion);
    this.look(
      'acknowledged writes are stored',
      revision > this.#revision && `revision ${revision} of ${object.metadata?.name} is not there`,
    );
  }

  #stored({ type, key, value, previous, revision }: StoreEvent): void {
    this.look('revisions grow by one', this.#revision > 0 && revision !== this.#revision + 1 && `${revision} follows ${this.#revision}`);
    this.#revision = revision;
    const known = this.#revisions.get(key);
    this.look(
      'history has no gap',
      known !== previous?.revision && `${key} was ${known}, the event of ${revision} says ${previous?.revision}`,
    );
    const isPod = key.startsWith('/registry/core/pods/');
    if (isPod) this.podRevisions.push(revision);
    if (type === 'delete') {
      const uid = this.live.get(key)?.metadata?.uid ?? '';
      this.#revisions.delete(key);
      this.live.delete(key);
      const facts = this.#pods.get(uid);
      if (facts) facts.gone = true;
      return;
    }
    this.#revisions.set(key, revision);
    if (!key.startsWith('/registry/')) return;
    const object = JSON.parse(value ?? '{}') as KubeObject;
    this.live.set(key, object);
    if (isPod) this.#pod(object as Pod);
    else if (key.startsWith('/registry/core/events/')) this.#event(object as Event);
  }

  #pod({ metadata = {}, spec, status = {} }: Pod): void {
    const { uid = '', name = '' } = metadata;
    const node = spec?.nodeName ?? '';
    let facts = this.#pods.get(uid);
    if (!facts) {
      const restartPolicy = spec?.restartPolicy ?? 'Always';
      facts = { name, node, deleting: false, gone: false, phase: '', restartPolicy, restarts: new Map() };
      this.#pods.set(uid, facts);
    }
    this.look('a pod only moves on', facts.node !== '' && facts.node !== node && `${name} moved from ${facts.node} to ${node}`);
    this.look(
      'a pod only moves on',
      finished.has(facts.phase) && status.phase !== facts.phase && `${name} was ${facts.phase}, is ${status.phase}`,
    );
    const left = metadata.deletionTimestamp !== undefined && metadata.labels?.['app'] === this.#options.still;
    this.look('what nobody changes stays', left && `${name} is deleted, and nobody asked for it`);
    this.look('a pod only moves on', facts.deleting && !metadata.deletionTimestamp && `the deletion of ${name} was taken back`);
    facts.node = node;
    facts.deleting = metadata.deletionTimestamp !== undefined;
    facts.phase = status.phase ?? '';
    for (const { name: container, restartCount } of status.containerStatuses ?? []) {
      const before = facts.restarts.get(container) ?? 0;
      this.look('restart counts only grow', restartCount < before && `${name}/${container} had ${before} restarts, has ${restartCount}`);
      facts.restarts.set(container, restartCount);
    }
  }

  #event({ reportingComponent, involvedObject, reason = '', message = '', count = 1, source }: Event): void {
    if (reportingComponent !== 'kubelet') return;
    const key = eventKey({ node: source?.host ?? '', involvedObject, reason, message: message.replace(estimate, '') });
    const ids = this.#emitted.get(key)?.size ?? 0;
    this.#counts.set(key, count);
    this.look('no event is delivered twice', count > ids && `${count} stand for ${ids} of ${key}`);
  }

  #reported(node: string, { events, pods }: StatusReport): void {
    const over = events.length > linkLimits.eventsPerReport || pods.length > linkLimits.podsPerReport;
    this.look('reports stay within limits', over && `${events.length} events, ${pods.length} pods in a report`);
    for (const event of events) collect(this.#emitted, eventKey({ node, ...event }), event.id);
  }

  #acknowledge(node: string, { events, pods }: StatusReport): void {
    for (const event of events) collect(this.#acknowledged, eventKey({ node, ...event }), event.id);
    for (const { uid, name, status, gone } of pods) {
      const phase = String(status['phase']);
      const facts = this.#pods.get(uid);
      if (gone || !finished.has(phase) || !facts || facts.gone || facts.node !== node) continue;
      this.look(
        'no acknowledged end is lost',
        facts.phase !== phase && `${name} ended as ${phase} by its board, the hub has ${facts.phase}`,
      );
    }
  }

  #generation(node: string): void {
    const now = this.#applied.get(node)?.();
    const last = this.#generations.get(node);
    if (!now) {
      this.look('generations only grow', last !== undefined && `${node} had ${text(last)} and has none`);
      return;
    }
    this.look(
      'generations only grow',
      last !== undefined && compareGenerations(now, last) < 0 && `${node} had ${text(last)}, has ${text(now)}`,
    );
    this.#generations.set(node, now);
  }
}

const longestApartMs = 60_000;

/** What the hub adds to the message of a board that does not know the time. */
const estimate = / \(time estimated: between \S+ and \S+\)$/;

function text({ epoch, revision }: Generation): string {
  return `${epoch}.${revision}`;
}

function eventKey(event: { node: string; involvedObject: { uid?: string; name?: string }; reason: string; message: string }): string {
  return [event.node, event.involvedObject.uid ?? event.involvedObject.name, event.reason, event.message].join(' | ');
}

function add(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}

function collect(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(id));
}
