import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import { endOperation, isOperationFinished, phaseOf } from '@flotilla/shared/api/fleet/node-operation-status.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { type OperationReport, parseOperationNote } from '@flotilla/shared/protocol/operation-messages.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import type { Client, EventRecorder, Informer } from '#client/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import type { NodeChannel, NodePart } from '../node-part.ts';
import { keepDiagnostics } from './keep-diagnostics.ts';
import { OperationSession } from './operation-session.ts';

export interface OperationLinkOptions {
  /** nodesync's own identity: reads operations, keeps what was collected. */
  readonly client: Client;
  /** Asked once per session for `system:node:NAME`: a board's word is admitted like its own request. */
  readonly clientAs: (user: UserInfo) => Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

const byNode = 'operations.node';

/** Hands NodeOperations to their boards and takes back what became of them; see hub/docs/operations.md. */
export class OperationLink implements NodePart {
  readonly kinds: readonly UpKind[] = ['operation'];
  readonly #options: OperationLinkOptions;
  readonly #informer: Informer<NodeOperation>;
  readonly #sessions = new Map<string, OperationSession>();

  constructor(options: OperationLinkOptions) {
    this.#options = options;
    this.#informer = options.client.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
    this.#informer.index(byNode, ({ spec }) => [spec.nodeName]);
    const changed = ({ spec }: NodeOperation): void => this.#sessions.get(spec.nodeName)?.changed();
    this.#informer.on({ added: changed, updated: changed, deleted: changed });
  }

  begin(channel: NodeChannel): void {
    const { clientAs, clock, logger } = this.#options;
    const { node } = channel.device;
    const client = clientAs({ name: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] });
    const session = new OperationSession({
      channel,
      client,
      operations: () => this.#informer.byIndex(byNode, node),
      report: (uid, report) => this.#report(client, node, uid, report),
      clock,
      logger: logger.with({ node }),
    });
    this.#sessions.get(node)?.end();
    this.#sessions.set(node, session);
    session.changed();
  }

  receive(_kind: UpKind, value: unknown, { device }: NodeChannel): void {
    const session = this.#sessions.get(device.node);
    if (session?.epoch === device.epoch) session.receive(parseOperationNote(value));
  }

  end({ device }: NodeChannel): void {
    const session = this.#sessions.get(device.node);
    if (session?.epoch !== device.epoch) return;
    session.end();
    this.#sessions.delete(device.node);
  }

  async #report(client: Client, node: string, uid: string, report: OperationReport): Promise<void> {
    const found = this.#informer.byIndex(byNode, node).find(({ metadata }) => metadata?.uid === uid);
    // Deleted meanwhile: there is nobody to tell.
    if (!found) return;
    const { client: own, clock, events } = this.#options;
    const configMap = report.diagnostics === undefined ? undefined : await keepDiagnostics(own, found, report.diagnostics);
    let ended = false;
    const written = client
      .resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations')
      .updateStatus('', found.metadata?.name ?? '', (latest) => {
        ended = false;
        if (latest.metadata?.uid !== uid) return latest;
        const next = reported(latest, report, configMap, kubeTime(clock.wallMs()));
        ended = next !== latest && isOperationFinished(next);
        return next;
      });
    try {
      await written;
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    if (ended) events.event(found, report.phase === 'Succeeded' ? 'Normal' : 'Warning', report.phase, report.message);
  }
}

/** An end stays; only that nobody knew (Unknown) gives way to one who does. */
function reported(
  operation: NodeOperation,
  report: OperationReport,
  configMap: { readonly namespace: string; readonly name: string } | undefined,
  time: string,
): NodeOperation {
  const phase = phaseOf(operation);
  if (isOperationFinished(operation) && !(phase === 'Unknown' && report.phase !== 'Unknown' && report.phase !== 'Running'))
    return operation;
  if (report.phase === 'Running') {
    if (phase === 'Running') return operation;
    return { ...operation, status: { ...operation.status, phase: 'Running', startTime: time, message: report.message } };
  }
  const { bootIdBefore, bootIdAfter, containers } = report;
  const result = {
    ...(bootIdBefore === undefined ? {} : { bootIDBefore: bootIdBefore }),
    ...(bootIdAfter === undefined ? {} : { bootIDAfter: bootIdAfter }),
    ...(containers ? { restartedContainers: containers.map(({ name, restartCount }) => ({ name, restartCount })) } : {}),
    ...(configMap ? { configMap } : {}),
  };
  const { phase: end, message } = report;
  return endOperation(operation, { phase: end, message, ...(Object.keys(result).length > 0 ? { result } : {}) }, time);
}
