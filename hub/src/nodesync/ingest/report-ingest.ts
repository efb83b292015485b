import type { Clock } from '@flotilla/shared/clock/clock.js';
import { isConflict, isNotFound, StatusError } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import type { NodeReport, PodReport, StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { Client } from '#client/types.ts';
import type { ManifestSources } from '../manifest/manifest-sources.ts';
import type { Node, Pod } from '../objects.ts';
import { BoardEvents } from './board-events.ts';
import { mergeNodeLabels, mergeNodeStatus, newNode } from './node-status.ts';
import { mergePodStatus } from './pod-status.ts';

export interface ReportIngestOptions {
  readonly node: string;
  /** Acts as `system:node:NAME`: a board's word is admitted and authorised like its own requests. */
  readonly client: Client;
  readonly sources: ManifestSources;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Writes at a time for one board; the store commits them together. */
const parallel = 32;

/** Turns one board's reports of one session into API objects. Reports are taken one after another. */
export class ReportIngest {
  readonly #options: ReportIngestOptions;
  readonly #events: BoardEvents;
  /** The newest sequence written, by pod uid. */
  readonly #podSequences = new Map<string, number>();
  #nodeSequence = -1;

  constructor(options: ReportIngestOptions) {
    this.#options = options;
    this.#events = new BoardEvents(options.client, options.node);
  }

  /**
   * Resolves when everything in it is committed, or is refused for good (which is logged: sending it again would not help).
   * @param boardIsCurrent the board has exactly the manifest it shall have: a full report then also tells what it has no trace of
   * @throws when the hub could not write; the board sends it again
   */
  async take(report: StatusReport, boardIsCurrent: boolean): Promise<void> {
    if (report.node) await this.#node(report.node);
    await inBatches(report.pods, (pod) => this.#pod(pod));
    if (report.full && boardIsCurrent) await this.#sweep(new Set(report.pods.map((pod) => pod.uid)));
    await this.#events.recordAll(report.events, this.#nowMs(), (event, write) => this.#finally(write, { event: event.reason }));
  }

  async #node(report: NodeReport): Promise<void> {
    const { node: name, client, sources } = this.#options;
    if (report.sequence <= this.#nodeSequence) return;
    const nodes = client.resource<Node>('', 'nodes');
    if (!sources.node(name)) await nodes.create('', newNode(name, report, this.#nowMs())).catch(unlessThere);
    const current = sources.node(name);
    if (current && mergeNodeLabels(current.metadata?.labels ?? {}, report)) {
      await nodes.update('', name, (latest) => {
        const labels = mergeNodeLabels(latest.metadata?.labels ?? {}, report);
        return labels ? { ...latest, metadata: { ...latest.metadata, labels } } : latest;
      });
    }
    if (!current || mergeNodeStatus(current.status, report, this.#nowMs())) {
      await nodes.updateStatus('', name, (latest) => {
        const status = mergeNodeStatus(latest.status, report, this.#nowMs());
        return status ? { ...latest, status } : latest;
      });
    }
    this.#nodeSequence = report.sequence;
  }

  async #pod(report: PodReport): Promise<void> {
    if (report.sequence <= (this.#podSequences.get(report.uid) ?? -1)) return;
    const pod = this.#own(report);
    const of = { pod: `${report.namespace}/${report.name}` };
    // Nobody may have asked for it here: a restore forgets that a pod was deleted, but what its board buried never runs again.
    if (pod && report.gone) {
      await this.#finally(this.#delete(pod), of);
    } else if (pod && this.#merged(pod, report)) {
      const pods = this.#options.client.resource<Pod>('', 'pods');
      const written = pods.updateStatus(report.namespace, report.name, (latest) => {
        const status = latest.metadata?.uid === report.uid ? this.#merged(latest, report) : undefined;
        return status ? { ...latest, status } : latest;
      });
      await this.#finally(written, of);
    }
    if (report.gone || !pod) this.#podSequences.delete(report.uid);
    else this.#podSequences.set(report.uid, report.sequence);
  }

  /** The pod that is meant, if it still exists and is this board's. */
  #own({ namespace, name, uid }: PodReport): Pod | undefined {
    const pod = this.#options.sources.pod(namespace, name);
    return pod?.metadata?.uid === uid && pod.spec?.nodeName === this.#options.node ? pod : undefined;
  }

  #merged(pod: Pod, report: PodReport): Pod['status'] {
    const status = mergePodStatus(pod, report.status, this.#nowMs());
    return status && canonicalJson(status) !== canonicalJson(pod.status ?? {}) ? status : undefined;
  }

  /** Pods that shall go and of which the board has nothing. */
  async #sweep(present: ReadonlySet<string>): Promise<void> {
    const left = this.#options.sources
      .podsOn(this.#options.node)
      .filter((pod) => pod.metadata?.deletionTimestamp && !present.has(pod.metadata.uid ?? ''));
    await inBatches(left, (pod) => this.#finally(this.#delete(pod), { pod: pod.metadata?.name }));
  }

  async #delete(pod: Pod): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const pods = this.#options.client.resource<Pod>('', 'pods');
    await pods.delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
  }

  /** What is gone, or was replaced by another object of that name, needs no write; what the API refuses will be refused again. */
  async #finally(write: Promise<unknown>, fields: Record<string, unknown>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return;
      if (!(error instanceof StatusError) || error.code >= 500 || error.code === 429) throw error;
      // What happens while a namespace is taken down has no place to be written to.
      const ending = error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      this.#options.logger[ending ? 'debug' : 'warn']('what a board reported was refused', { ...fields, error });
    }
  }

  #nowMs(): number {
    return this.#options.clock.wallMs();
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += parallel) await Promise.all(items.slice(at, at + parallel).map(work));
}

function unlessThere(error: unknown): void {
  if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
}
