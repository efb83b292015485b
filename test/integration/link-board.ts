import type { Courier } from '@flotilla/agent/hublink/courier.js';
import type { HubLink, ManifestOutcome } from '@flotilla/agent/hublink/types.js';
import { SpecStore } from '@flotilla/agent/spec/spec-store.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { ManifestUpdate } from '@flotilla/shared/protocol/manifest-messages.js';
import type { BoardEvent, Generation, PodReport } from '@flotilla/shared/protocol/messages.js';
import { compareGenerations } from '@flotilla/shared/protocol/messages.js';
import { linkFor } from './link-world.ts';

interface BoardPod {
  readonly namespace: string;
  readonly name: string;
  sequence: number;
  acknowledged: number;
  restarts: number;
  gone: boolean;
}

/** A board that takes over manifests and reports, and runs nothing. Its state outlives `reboot`. */
export class LinkBoard {
  readonly node: string;
  readonly applied: Generation[] = [];
  readonly pods = new Map<string, BoardPod>();
  events: BoardEvent[] = [];
  readonly files = new FakeFiles();
  spec = this.#newSpec();
  /** Manifest messages that came, by kind. */
  readonly came = { complete: 0, difference: 0 };
  link: HubLink;
  /** Lines that its log stream gives. */
  logLines: () => AsyncIterable<Buffer> = async function* () {};
  times: number[] = [];
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #connect: { readonly courier: Courier; readonly logger?: Logger; readonly versions?: readonly number[] };
  #sending = false;
  #full = true;
  #nodeSequence = 1;

  constructor(options: { clock: Clock; courier: Courier; node: string; seed: number; logger?: Logger; versions?: readonly number[] }) {
    this.node = options.node;
    this.#clock = options.clock;
    this.#random = new SeededRandom(options.seed);
    this.#connect = options;
    this.link = this.#link('boot-1');
  }

  #link(bootId: string): HubLink {
    return linkFor({
      clock: this.#clock,
      ...this.#connect,
      node: this.node,
      seed: Math.floor(this.#random.next() * 1e9),
      bootId,
      handlers: {
        manifest: (update) => this.#offer(update),
        objects: async (parts) => this.#take(await this.spec.receive(parts)),
        applied: () => this.spec.generation,
        connected: () => {
          this.#full = true;
          void this.pump();
        },
        disconnected: () => {},
        time: (wallMs) => this.times.push(wallMs),
        logs: () => this.logLines(),
      },
    });
  }

  /** The agent starts anew with what it has on disk. */
  async reboot(bootId: string): Promise<void> {
    await this.link.stop();
    this.spec = this.#newSpec();
    await this.spec.load();
    this.link = this.#link(bootId);
    this.link.start();
  }

  /** Something happens to a pod that runs here. */
  restart(): void {
    const running = [...this.pods.values()].filter((pod) => !pod.gone);
    const pod = running[Math.floor(this.#random.next() * running.length)];
    if (!pod) return;
    pod.restarts++;
    pod.sequence++;
    this.events.push({
      id: `${pod.name}-${pod.restarts}`,
      involvedObject: { kind: 'Pod', namespace: pod.namespace, name: pod.name },
      type: 'Normal',
      reason: 'Started',
      message: `restart of ${pod.name}`,
      wallMs: Math.floor(this.#clock.wallMs()),
    });
    void this.pump();
  }

  async pump(): Promise<void> {
    if (this.#sending || !this.link.connected) return;
    const full = this.#full;
    const changed = [...this.pods].filter(([, pod]) => full || pod.sequence > pod.acknowledged);
    const events = this.events.slice(0, 10);
    if (!full && changed.length === 0 && events.length === 0) return;
    this.#sending = true;
    const sent = changed.map(([uid, pod]) => ({ uid, sequence: pod.sequence }));
    try {
      await this.link.report({
        full,
        applied: this.spec.generation,
        pods: changed.map(([uid, pod]) => report(uid, pod)),
        events,
        ...(full
          ? { node: { labels: { 'kubernetes.io/arch': 'arm64' }, taints: [], sequence: this.#nodeSequence++, status: nodeStatus } }
          : {}),
      });
      if (full) this.#full = false;
      for (const { uid, sequence } of sent) {
        const pod = this.pods.get(uid);
        if (pod) pod.acknowledged = Math.max(pod.acknowledged, sequence);
      }
      this.events = this.events.filter((event) => !events.includes(event));
    } catch {
      // The next session begins with a full report.
    } finally {
      this.#sending = false;
    }
    await this.pump();
  }

  /** What it has of a kind. */
  objects<T extends KubeObject>(resource: string): T[] {
    return [...this.spec.objects<T>(`${resource}/`)].sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
  }

  /** Its memory of what it has in hand is gone, while the session goes on. */
  forget(): void {
    this.spec = this.#newSpec();
    this.applied.length = 0;
  }

  #newSpec(): SpecStore {
    const spec = new SpecStore({ files: this.files, dir: '/spec', logger: silentLogger });
    void spec.load();
    return spec;
  }

  async #offer(update: ManifestUpdate): Promise<ManifestOutcome> {
    this.came[update.base === undefined ? 'complete' : 'difference']++;
    await this.#clock.sleep('write manifest', this.#random.next() * 500);
    return this.#take(await this.spec.offer(update));
  }

  #take(outcome: ManifestOutcome): ManifestOutcome {
    const { generation } = this.spec;
    if (!outcome.applied || !generation) return outcome;
    const last = this.applied.at(-1);
    if (last && compareGenerations(generation, last) <= 0) throw new Error(`stale manifest ${JSON.stringify([last, generation])}`);
    this.applied.push(generation);
    const wanted = new Set<string>();
    for (const { metadata } of this.objects('pods')) {
      const { uid = '', name = '', namespace = '', deletionTimestamp } = metadata ?? {};
      wanted.add(uid);
      const there = this.pods.get(uid) ?? { name, namespace, sequence: 1, acknowledged: 0, restarts: 0, gone: false };
      this.pods.set(uid, there);
      if (!deletionTimestamp || there.gone) continue;
      this.#clock.after('stop pod', this.#random.next() * 3000, () => {
        there.gone = true;
        there.sequence++;
        void this.pump();
      });
    }
    for (const uid of this.pods.keys()) if (!wanted.has(uid)) this.pods.delete(uid);
    void this.pump();
    return outcome;
  }
}

const nodeStatus = {
  capacity: { cpu: '4' },
  conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
};

function report(uid: string, pod: BoardPod): PodReport {
  const status = {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'main', restartCount: pod.restarts }],
  };
  return { uid, namespace: pod.namespace, name: pod.name, sequence: pod.sequence, status, ...(pod.gone ? { gone: true } : {}) };
}
