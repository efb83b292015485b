import type { Courier } from '@flotilla/agent/hublink/courier.js';
import type { HubLink } from '@flotilla/agent/hublink/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { BoardEvent, Generation, NodeManifest, PodReport } from '@flotilla/shared/protocol/messages.js';
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
  manifest: NodeManifest | undefined;
  link: HubLink;
  /** Lines that its log stream gives. */
  logLines: () => AsyncIterable<Buffer> = async function* () {};
  times: number[] = [];
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #connect: { readonly courier: Courier; readonly logger?: Logger };
  #sending = false;
  #full = true;
  #nodeSequence = 1;

  constructor(options: { clock: Clock; courier: Courier; node: string; seed: number; logger?: Logger }) {
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
        manifest: (manifest) => this.#take(manifest),
        applied: () => this.manifest?.generation,
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
        applied: this.manifest?.generation,
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

  async #take(manifest: NodeManifest): Promise<void> {
    await this.#clock.sleep('write manifest', this.#random.next() * 500);
    const last = this.applied.at(-1);
    if (last && compareGenerations(manifest.generation, last) <= 0)
      throw new Error(`stale manifest ${JSON.stringify([last, manifest.generation])}`);
    this.applied.push(manifest.generation);
    this.manifest = manifest;
    const wanted = new Set<string>();
    for (const { metadata } of manifest.pods) {
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
