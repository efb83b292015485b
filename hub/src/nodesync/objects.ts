import type { ReferringPodSpec } from '@flotilla/shared/api/pod-references.js';
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

interface PodSpec extends ReferringPodSpec {
  readonly nodeName?: string;
}

export interface Node extends KubeObject {
  readonly spec?: { readonly podCIDR?: string; readonly taints?: readonly object[]; readonly unschedulable?: boolean };
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
