import type { KubeObject } from '@flotilla/shared/meta/object.js';

/** As much of the API's kinds as the device link looks into; everything else passes through. */

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
  readonly lastHeartbeatTime?: string;
}

export interface Pod extends KubeObject {
  readonly spec?: PodSpec;
  readonly status?: PodStatus;
}

export interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly Condition[];
  readonly startTime?: string;
  readonly qosClass?: string;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
}

export interface Container {
  readonly env?: readonly {
    readonly valueFrom?: { readonly configMapKeyRef?: Named; readonly secretKeyRef?: Named };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[];
}

export interface Volume {
  readonly configMap?: Named;
  readonly secret?: { readonly secretName?: string };
  readonly projected?: { readonly sources?: readonly { readonly configMap?: Named; readonly secret?: Named }[] };
}

interface Named {
  readonly name?: string;
}

export interface Node extends KubeObject {
  readonly spec?: { readonly podCIDR?: string; readonly taints?: readonly object[] };
  readonly status?: NodeStatus;
}

export interface NodeStatus extends Readonly<Record<string, unknown>> {
  readonly conditions?: readonly Condition[];
}

export interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number; readonly renewTime?: string };
}

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64 by key. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ApiEvent extends KubeObject {
  readonly count?: number;
  readonly lastTimestamp?: string;
}
