import type { ObjectMeta } from '../../meta/object.ts';
import type { Schema } from '../schemas.ts';

/** What a NodeOperation may ask for. */
export const nodeOperationActions = ['Reboot', 'RestartPod', 'CollectDiagnostics'] as const;
export type NodeOperationAction = (typeof nodeOperationActions)[number];

/** From Pending an operation may still be withdrawn; Delivered and Running it may have begun; the rest is final. */
export const nodeOperationPhases = ['Pending', 'Delivered', 'Running', 'Succeeded', 'Failed', 'Expired', 'Unknown', 'Cancelled'] as const;
export type NodeOperationPhase = (typeof nodeOperationPhases)[number];

/** Something to be done on a board, once, when the board can be reached: `fleet.flotilla.dev/v1alpha1`. See hub/docs/operations.md. */
export interface NodeOperation {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  spec: NodeOperationSpec;
  status?: NodeOperationStatus;
}

export interface NodeOperationSpec {
  nodeName: string;
  action: NodeOperationAction;
  pod?: NodeOperationPod;
  ttlSeconds?: number;
  ttlSecondsAfterFinished?: number;
  cancel?: boolean;
}

export interface NodeOperationPod {
  namespace: string;
  name: string;
  uid?: string;
}

export interface NodeOperationStatus {
  phase?: NodeOperationPhase;
  message?: string;
  deliveryTime?: string;
  startTime?: string;
  completionTime?: string;
  conditions?: NodeOperationCondition[];
  result?: NodeOperationResult;
}

export interface NodeOperationCondition {
  type: string;
  status: string;
  reason: string;
  message: string;
  lastTransitionTime: string;
}

export interface NodeOperationResult {
  bootIDBefore?: string;
  bootIDAfter?: string;
  restartedContainers?: NodeOperationContainer[];
  configMap?: NodeOperationConfigMap;
}

export interface NodeOperationContainer {
  name: string;
  restartCount: number;
}

export interface NodeOperationConfigMap {
  namespace: string;
  name: string;
}

const text = (description: string): Schema => ({ type: 'string', description });
const seconds = (description: string): Schema => ({ type: 'integer', format: 'int64', description });
const time = (description: string): Schema => ({ $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time', description });
const own = 'dev.flotilla.fleet.v1alpha1';
const ref = (name: string): string => `#/definitions/${own}.${name}`;
const meta = (name: string): string => `#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
const head = {
  apiVersion: text('The version of this form of the object: fleet.flotilla.dev/v1alpha1.'),
  kind: text('What the object is.'),
};
const kinds = (kind: string): Schema['x-kubernetes-group-version-kind'] => [{ group: 'fleet.flotilla.dev', version: 'v1alpha1', kind }];

/** The definitions of the OpenAPI documents, with their texts. */
export const nodeOperationSchemas: Readonly<Record<string, Schema>> = {
  [`${own}.NodeOperation`]: {
    type: 'object',
    description:
      'Something to be done on a board, at most once, as soon as the board can be reached within the time to live. A crash between the decision and the act ends as Unknown, never as a second try.',
    properties: {
      ...head,
      metadata: { $ref: meta('ObjectMeta'), description: 'Metadata of the object.' },
      spec: { $ref: ref('NodeOperationSpec'), description: 'What shall be done. Only `cancel` may be changed later.' },
      status: { $ref: ref('NodeOperationStatus'), description: 'What became of it. Written by the hub and, through it, by the board.' },
    },
    required: ['spec'],
    'x-kubernetes-group-version-kind': kinds('NodeOperation'),
  },
  [`${own}.NodeOperationList`]: {
    type: 'object',
    description: 'A list of NodeOperations.',
    properties: {
      ...head,
      metadata: { $ref: meta('ListMeta'), description: 'Metadata of the list.' },
      items: { type: 'array', items: { $ref: ref('NodeOperation') }, description: 'The operations.' },
    },
    required: ['items'],
    'x-kubernetes-group-version-kind': kinds('NodeOperationList'),
  },
  [`${own}.NodeOperationSpec`]: {
    type: 'object',
    description: 'What shall be done, where, and how long it may wait.',
    properties: {
      nodeName: text('The node whose board shall do it.'),
      action: text(
        'One of Reboot (the board), RestartPod (every container of one pod that restarts always, in place, once) and CollectDiagnostics (a report about the board, kept in a ConfigMap).',
      ),
      pod: { $ref: ref('NodeOperationPod'), description: 'The pod to restart; for RestartPod only.' },
      ttlSeconds: seconds(
        'How long it may wait for its board, by the clock of the hub. When the board has not taken it by then, it is Expired and will not be done. From 1 to 2592000 (30 days); 86400 (a day) when left out.',
      ),
      ttlSecondsAfterFinished: seconds(
        'How long it is kept after it ended, with its result. From 0 to 31536000 (365 days); 604800 (a week) when left out.',
      ),
      cancel: {
        type: 'boolean',
        description: 'Withdraws it if its board has not taken it yet. May be set later, and not taken back.',
      },
    },
    required: ['action', 'nodeName'],
  },
  [`${own}.NodeOperationPod`]: {
    type: 'object',
    description: 'A pod on the node.',
    properties: {
      namespace: text('The namespace of the pod.'),
      name: text('The name of the pod.'),
      uid: text('When given, another pod of the same name is left alone.'),
    },
    required: ['name', 'namespace'],
  },
  [`${own}.NodeOperationStatus`]: {
    type: 'object',
    description: 'What became of the operation.',
    properties: {
      phase: text(
        'Pending: waits for its board. Delivered: the board was allowed to begin. Running: the board said that it began. Succeeded and Failed: it ended, as the board tells. Expired: the board did not come in time. Cancelled: withdrawn in time. Unknown: nobody can tell whether it was done; it is not tried again.',
      ),
      message: text('Why it is as it is, for people.'),
      deliveryTime: time('When the hub last allowed the board to begin.'),
      startTime: time('When the hub heard that it began.'),
      completionTime: time('When the hub heard that it ended, or decided that it will not be done.'),
      conditions: {
        type: 'array',
        items: { $ref: ref('NodeOperationCondition') },
        description: 'Complete is True when it succeeded; Failed is True when it ended in any other way, with the phase as its reason.',
      },
      result: { $ref: ref('NodeOperationResult'), description: 'What came of it.' },
    },
  },
  [`${own}.NodeOperationCondition`]: {
    type: 'object',
    description: 'One aspect of how the operation ended.',
    properties: {
      type: text('Complete or Failed.'),
      status: text('True, False or Unknown.'),
      reason: text('One word for programs.'),
      message: text('The reason for people.'),
      lastTransitionTime: time('When the status last changed.'),
    },
    required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
  },
  [`${own}.NodeOperationResult`]: {
    type: 'object',
    description: 'What came of the operation, by its action.',
    properties: {
      bootIDBefore: text('Reboot: the boot id of the kernel before.'),
      bootIDAfter: text('Reboot: the boot id of the kernel after; that it is another one proves the reboot.'),
      restartedContainers: {
        type: 'array',
        items: { $ref: ref('NodeOperationContainer') },
        description: 'RestartPod: the containers that were restarted.',
      },
      configMap: { $ref: ref('NodeOperationConfigMap'), description: 'CollectDiagnostics: where the report is kept.' },
    },
  },
  [`${own}.NodeOperationContainer`]: {
    type: 'object',
    description: 'A container that was restarted.',
    properties: {
      name: text('The name of the container.'),
      restartCount: { type: 'integer', format: 'int32', description: 'Its restart count afterwards.' },
    },
    required: ['name', 'restartCount'],
  },
  [`${own}.NodeOperationConfigMap`]: {
    type: 'object',
    description: 'A ConfigMap that goes with the operation.',
    properties: { namespace: text('Its namespace.'), name: text('Its name.') },
    required: ['name', 'namespace'],
  },
};
