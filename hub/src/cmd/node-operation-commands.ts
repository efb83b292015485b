import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NodeOperation, NodeOperationSpec } from '@flotilla/shared/api/fleet/node-operation.js';
import { isOperationFinished, operationExpiryMs, phaseOf } from '@flotilla/shared/api/fleet/node-operation-status.js';
import type { ConfigMap, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineSince, offlineWords } from '@flotilla/shared/api/offline.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { type ApiClient, apiClient } from './api-client.ts';
import { parseDuration } from './parse.ts';

export interface NodeOperationCommandOptions {
  readonly kubeconfig?: string;
  readonly ttl: string;
  readonly wait?: boolean;
}

const operationsPath = '/apis/fleet.flotilla.dev/v1alpha1/nodeoperations';
const lookMs = 500;

/** Has a board boot, once, when it can be reached. @throws Error when it was waited for and did not succeed */
export async function rebootCommand(node: string, options: NodeOperationCommandOptions): Promise<void> {
  await ordered(apiClient(options.kubeconfig), 'reboot', { nodeName: node, action: 'Reboot' }, options);
}

/** Restarts the containers of a pod in place. @throws Error as above, or when the pod is not on the node */
export async function restartPodCommand(node: string, title: string, options: NodeOperationCommandOptions): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const [name = '', namespace = 'default'] = title.split('/').reverse();
  const { metadata, spec } = await api.get<Pod>(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`);
  if (spec?.nodeName !== node)
    throw new Error(`pod ${namespace}/${name} ${spec?.nodeName ? `runs on node ${spec.nodeName}` : 'runs nowhere yet'}, not on ${node}`);
  const pod = { namespace, name, ...(metadata?.uid ? { uid: metadata.uid } : {}) };
  await ordered(api, 'restart-pod', { nodeName: node, action: 'RestartPod', pod }, options);
}

/** Waits for a report about a board and writes it to a file, or to standard output. @throws Error when there is none */
export async function diagnoseCommand(node: string, options: NodeOperationCommandOptions & { readonly out?: string }): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const operation = await ordered(api, 'diagnose', { nodeName: node, action: 'CollectDiagnostics' }, { ...options, wait: true });
  const kept = operation.status?.result?.configMap;
  const { data } = await api.get<ConfigMap>(`/api/v1/namespaces/${kept?.namespace}/configmaps/${kept?.name}`);
  const report = `${data?.['report.json'] ?? ''}\n`;
  if (options.out === undefined) process.stdout.write(report);
  else writeFileSync(resolve(process.env['INIT_CWD'] ?? process.cwd(), options.out), report, { mode: 0o600 });
}

async function ordered(
  api: ApiClient,
  word: string,
  spec: NodeOperationSpec,
  { ttl, wait = false }: NodeOperationCommandOptions,
): Promise<NodeOperation> {
  const ttlSeconds = Math.round(parseDuration('--ttl', ttl) / 1000);
  // A name that was mistyped is found out here, not after the time to live.
  const node = await api.get<Node>(`/api/v1/nodes/${encodeURIComponent(spec.nodeName)}`);
  const made = await api.post<NodeOperation>(operationsPath, {
    apiVersion: 'fleet.flotilla.dev/v1alpha1',
    kind: 'NodeOperation',
    metadata: { generateName: `${word}-` },
    spec: { ...spec, ttlSeconds },
  });
  process.stderr.write(`nodeoperation/${made.metadata?.name} created\n`);
  const since = nodeOfflineSince(node);
  if (since !== undefined)
    process.stderr.write(`${offlineWords(spec.nodeName, since)}; the operation waits until ${kubeTime(operationExpiryMs(made))}\n`);
  return wait ? ended(api, made, new SystemClock()) : made;
}

async function ended(api: ApiClient, made: NodeOperation, clock: Clock): Promise<NodeOperation> {
  // Timers of the clock do not keep the process; a command that waits must stay.
  const alive = setInterval(() => {}, 60_000);
  try {
    for (;;) {
      const operation = await api.get<NodeOperation>(`${operationsPath}/${made.metadata?.name}`);
      if (isOperationFinished(operation)) {
        const { message = '' } = operation.status ?? {};
        if (phaseOf(operation) !== 'Succeeded') throw new Error(`${phaseOf(operation)}: ${message}`);
        process.stderr.write(`${message}\n`);
        return operation;
      }
      await clock.sleep('look at the operation', lookMs);
    }
  } finally {
    clearInterval(alive);
  }
}
