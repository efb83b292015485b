import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { BoardEvent } from '@flotilla/shared/protocol/messages.js';
import type { PodLeases } from '#leases/pod-leases.ts';
import type { ApiDoor } from '#network/api-door.ts';
import type { ImageState, RegistryAuth, Runtime, SandboxState } from '#runtime/types.ts';
import type { SpecStore } from '#spec/spec-store.ts';
import type { NodeFacts } from '#volumes/field-ref.ts';
import type { VolumeManager } from '#volumes/volume-manager.ts';
import type { PodMemory } from './pod-memory.ts';
import type { PodRecord } from './pod-record.ts';
import type { Tombstones } from './tombstones.ts';

/** What happened, before it has an id and a time. */
export type NewEvent = Omit<BoardEvent, 'id' | 'wallMs'>;

/** Where images come from. */
export interface PodImages {
  image(reference: string): Promise<ImageState | undefined>;
  pullImage(reference: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageState>;
}

export interface PodDoors {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly logger: Logger;
  readonly runtime: Runtime;
  readonly images: PodImages;
  readonly spec: SpecStore;
  readonly volumes: VolumeManager;
  readonly tombstones: Tombstones;
  /** Which pods may run now. */
  readonly leases: Pick<PodLeases, 'permit' | 'secure' | 'forget'>;
  /** Where pods find the API; undefined where they find none. */
  readonly api?: Pick<ApiDoor, 'placeFor' | 'ensure'>;
  readonly node: () => NodeFacts;
  /** Whose clock it is that dates things now; undefined when nobody can tell boots apart. */
  readonly bootId?: () => string;
  /** Whether the hub is there: without it a registry is not waited for where the image is at hand. */
  readonly online: () => boolean;
  readonly event: (event: NewEvent) => void;
  /** The pod's status may have changed. */
  readonly changed: (uid: string) => void;
  /** The last status of a pod that is about to be forgotten. */
  readonly statusOf: (snapshot: PodSnapshot) => Record<string, unknown>;
}

/** All that a pod's status is made of. */
export interface PodSnapshot {
  readonly uid: string;
  /** As the manifest has it, or had it last. */
  readonly pod: Pod | undefined;
  readonly record: PodRecord;
  readonly memory: PodMemory;
  readonly sandboxes: readonly SandboxState[];
  /** It is to go. */
  readonly removing: boolean;
}
