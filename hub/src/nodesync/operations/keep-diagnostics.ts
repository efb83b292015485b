import type { NodeOperation, NodeOperationConfigMap } from '@flotilla/shared/api/fleet/node-operation.js';
import type { ConfigMap } from '@flotilla/shared/api/generated/types.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { Client } from '#client/types.ts';

const namespace = 'kube-system';
const longestName = 253;
/** The key in the ConfigMap. */
const key = 'report.json';

/** Keeps a report in a ConfigMap that goes with its operation. Doing it again changes nothing. Resolves when it is committed. */
export async function keepDiagnostics(
  client: Pick<Client, 'resource'>,
  operation: NodeOperation,
  report: string,
): Promise<NodeOperationConfigMap> {
  const { name: operationName = '', uid = '' } = operation.metadata ?? {};
  const names = [`nodeop-${operationName}`, `nodeop-${uid}`].filter(({ length }) => length <= longestName);
  for (const name of names) {
    const owner = { apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'NodeOperation', name: operationName, uid };
    const object: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, ownerReferences: [owner], labels: { 'fleet.flotilla.dev/node-operation': uid } },
      data: { [key]: report },
    };
    if (await made(client, object)) return { namespace, name };
  }
  throw new Error(`the name of every ConfigMap for NodeOperation ${operationName} is taken`);
}

/** False when another has the name. */
async function made(client: Pick<Client, 'resource'>, object: ConfigMap): Promise<boolean> {
  const configMaps = client.resource<ConfigMap>('', 'configmaps');
  try {
    await configMaps.create(namespace, object);
    return true;
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
  }
  const uid = object.metadata?.ownerReferences?.[0]?.uid;
  let own = false;
  // The same report came before, and what followed was lost: it stands as it is.
  await configMaps.update(namespace, object.metadata?.name ?? '', (current) => {
    own = current.metadata?.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
    return current;
  });
  return own;
}
