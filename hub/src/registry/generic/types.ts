import type { FieldError } from '@flotilla/shared/errors/field.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { PodStreamRequest, ShellRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { CachedObject } from '#store/cache.ts';

/** Who asks. In-process callers carry one too: `system:serviceaccount:kube-system:deployment-controller`. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Travels with a call from the edge to the store. */
export interface RequestContext {
  readonly user: UserInfo;
  /** Who asked, when it was to act as `user`. */
  readonly impersonator?: UserInfo;
  readonly signal?: AbortSignal;
  /**
   * What is created was an object of this hub before: it keeps its uid, times, generation and status, and nothing is filled in; what is
   * updated may get its uid back and is not filled in either. Set by the hub's own recovery only; no request from outside carries it.
   */
  readonly recovered?: true;
  /** The field manager when none is named: the first word of the user agent, as Kubernetes derives it. */
  readonly userAgent?: string;
  /** Collects what becomes `Warning:` headers; in-process callers drop it. */
  warn(message: string): void;
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteRequestOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: FieldValidation;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: Preconditions;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly dryRun?: boolean;
}

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface ObjectList<T extends KubeObject = KubeObject> {
  readonly items: readonly CachedObject<T>[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** An event for one watcher, after its selectors: what enters the selection is ADDED, what leaves it DELETED. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: CachedObject<T>;
}

export interface WatchSink<T extends KubeObject = KubeObject> {
  /** Called synchronously as changes commit; must not throw and must not block. */
  event(event: WatchEvent<T>): void;
  /** The watch is over; a StatusError is sent to the client as an ERROR event. */
  ended(error?: Error): void;
}

/** Gives the object that shall stand instead of `current`; called again on a conflict. Never changes its argument. */
export type Update<T extends KubeObject> = (current: T) => T | Promise<T>;

export interface UpdateOptions extends WriteRequestOptions {
  readonly subresource?: string;
  readonly preconditions?: Preconditions;
  /** PUT of an object that is not there creates it where the kind allows that; server-side apply always may. */
  readonly createIfMissing?: () => KubeObject;
  /** How managedFields are computed: `Apply` for server-side apply. */
  readonly operation?: 'Apply' | 'Update';
  readonly force?: boolean;
}

/**
 * One resource behind the one write path: default → mutating admission → strategy → validation → validating admission,
 * inside every attempt of a guaranteed update, on the merged object. HTTP and in-process callers alike come through here.
 * Objects that come out are frozen and shared: never change them.
 */
export interface ResourceRegistry<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<T>;
  get(ctx: RequestContext, namespace: string, name: string): CachedObject<T>;
  list(ctx: RequestContext, namespace: string, options?: ListOptions): Promise<ObjectList<T>>;
  watch(ctx: RequestContext, namespace: string, options: WatchOptions, sink: WatchSink<T>): Promise<{ stop(): void }>;
  create(ctx: RequestContext, namespace: string, object: T, options?: WriteRequestOptions): Promise<CachedObject<T>>;
  /** PUT, PATCH and every in-process change. @throws StatusError Conflict when the object carries an old resourceVersion */
  update(
    ctx: RequestContext,
    namespace: string,
    name: string,
    update: Update<T>,
    options?: UpdateOptions,
  ): Promise<{ object: CachedObject<T>; created: boolean }>;
  /** Resolves with the object when it goes later (finalizers, grace period), with `deleted: true` when it is gone. */
  delete(
    ctx: RequestContext,
    namespace: string,
    name: string,
    options?: DeleteOptions,
  ): Promise<{ object: CachedObject<T>; deleted: boolean }>;
  deleteCollection(ctx: RequestContext, namespace: string, list: ListOptions, options?: DeleteOptions): Promise<readonly CachedObject<T>[]>;
}

export interface TableColumn<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, above that only with `-o wide`. */
  readonly priority?: number;
  value(object: T, nowMs: number): unknown;
}

/** What is particular to a kind in the write path (apiserver, `rest.RESTCreateUpdateStrategy`). Pure; may change its copy. */
export interface Strategy<T extends KubeObject = KubeObject> {
  /** Fills what Kubernetes' defaulting functions fill. */
  default?(object: T): void;
  /** Clears what a client may not set on create (status), sets generation. `now` is RFC 3339. */
  prepareForCreate?(object: T, now: string): void;
  /** Carries over what a client may not change on update (status, on the main resource). */
  prepareForUpdate?(object: T, old: T, now: string): void;
  validate(object: T): FieldError[];
  validateUpdate(object: T, old: T): FieldError[];
  /** What changes when the object is marked for deletion but stays for now (a namespace's phase). */
  prepareForDelete?(object: T): void;
  /** Warnings the real API server gives for this object. */
  warnings?(object: T): string[];
  /** What whoever removed the object should know. */
  deleteNotice?(object: T): string | undefined;
}

export interface Subresource<T extends KubeObject = KubeObject> {
  /** `status`, `scale`, `binding`, `log`, … */
  readonly name: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
  readonly strategy?: Strategy<T>;
  /** False where Kubernetes shows no Table of it. */
  readonly hasTable?: false;
  /** Shows the object in the subresource's own kind (Scale); the object itself when left out. */
  view?(object: T): KubeObject;
  /** Carries a changed view back into a copy of the object. */
  apply?(object: T, view: KubeObject): T;
}

/** Reads a selectable field; declared as a method so that a definition of one kind is a definition. */
export type FieldReader<T extends KubeObject = KubeObject> = { read(object: T): string }['read'];

/** The form of a kind that is stored as another. Pure. */
export interface View<T extends KubeObject = KubeObject> {
  readonly group: string;
  /** The resource that is stored. */
  readonly resource: string;
  /** What the fields to select by are called there, where that differs. */
  readonly fields: Readonly<Record<string, string>>;
  show(stored: KubeObject): T;
  take(object: T): KubeObject;
}

/** Everything the machinery knows of a kind; one file a kind under `registry/<group>/`. */
export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The plural of the URL. */
  readonly resource: string;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly verbs?: readonly string[];
  /** The name of its definition in the OpenAPI document: `io.k8s.api.apps.v1.Deployment`. */
  readonly schema: string;
  readonly strategy: Strategy<T>;
  readonly columns: readonly TableColumn<T>[];
  readonly subresources?: readonly Subresource<T>[];
  /** Field selectors beside metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>;
  /** Seconds after which an object of this kind vanishes (Events: 3600). */
  readonly ttlSeconds?: number;
  /** Pods and nodes may linger: grace period when the client names none. */
  graceful?(object: T, asked: number | undefined): number;
  /** Whether the object has something of its own to finish before it may vanish, beside its finalizers (a namespace's content). */
  finalizing?(object: T): boolean;
  /** Whether what it owns stays when a DELETE does not say (Kubernetes: kinds from before there was a garbage collector). */
  readonly orphansByDefault?: boolean;
  /** Whether a DELETE that removes the object answers with it; otherwise the answer is a Status. */
  readonly returnsDeletedObject?: boolean;
  /** Said to whoever asks for the resource, whatever they ask. */
  readonly deprecated?: string;
  /** Objects of another resource in a form of their own: nothing is stored under this name. */
  readonly viewOf?: View<T>;
  /** Whether PUT may create (Kubernetes: leases, events, …). */
  readonly allowCreateOnUpdate?: boolean;
  /** Whether an update without a resourceVersion is taken as it is. */
  readonly allowUnconditionalUpdate?: boolean;
}

/** All resources served now; kinds are registered once, at composition. */
export interface Registry {
  /** @throws StatusError NotFound for a resource that is not served */
  resource<T extends KubeObject = KubeObject>(group: string, resource: string): ResourceRegistry<T>;
  resources(): readonly ResourceRegistry[];
}

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionAttributes {
  readonly ctx: RequestContext;
  readonly operation: AdmissionOperation;
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Whether a CREATE named it in its path: PUT or apply of what was not there. */
  readonly named?: boolean;
  /** Mutating plugins may change it; undefined on DELETE. */
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  readonly dryRun: boolean;
}

/** The port that `hub/src/admission` implements; plugins run in a fixed order, mutating ones first. @throws StatusError */
export interface Admission {
  mutate(attributes: AdmissionAttributes): void | Promise<void>;
  validate(attributes: AdmissionAttributes): void | Promise<void>;
}

/** What can be opened to a pod: a program in a container, a container's own process, or one connection to a port of the pod. */
export type NodeStreamRequest = PodStreamRequest;

/** A shell of the node itself. */
export type NodeShellRequest = ShellRequest;

/** Bytes both ways between the hub and a pod. Channels as in Kubernetes: 0 to the process, 1 output, 2 error output. */
export interface NodeStream {
  /**
   * Resolves when the board accepted it. @throws StatusError in the kubelet's words: 404 no such container, 400 it does not run,
   * 503 the board is offline or went away, 429 too many streams
   */
  readonly opened: Promise<void>;
  /** Resolves when there is credit for more. Rejects when the stream is over. */
  write(data: Buffer): Promise<void>;
  /** No more input: half-close. */
  end(): void;
  resize(size: { readonly width: number; readonly height: number }): void;
  /** Output in order, once; ends when both outputs were read to the end; throws when the board went away. One consumer, once. */
  readonly output: AsyncIterable<{ readonly channel: 1 | 2; readonly data: Buffer }>;
  /** Settles after the output ended: the exit code (0…255) of an exec, undefined for the others. @throws StatusError or Error */
  readonly result: Promise<{ readonly exitCode: number | undefined }>;
}

/** The port to what happens on a node; implemented by nodesync over the device link. */
export interface NodeConnector {
  /** The signal's end closes the stream, and an exec's process with its children is killed. Never throws: `opened` says what is wrong. */
  open(node: string, request: NodeStreamRequest | NodeShellRequest, signal: AbortSignal): NodeStream;
  /** Chunks of log text. @throws StatusError when the node is away or the container unknown */
  logs(
    node: string,
    pod: { namespace: string; name: string; uid: string },
    options: LogOptions,
    signal: AbortSignal,
  ): AsyncIterable<Buffer>;
  /** When a node without a session was heard last; undefined while it has one. */
  awaySinceMs(node: string): number | undefined;
  /**
   * What the node sent of a container's log before it went away, as the options ask for it, and when; undefined when nothing is kept.
   * @param containerId as in the pod's status
   */
  keptLog(node: string, containerId: string, options: LogOptions): Promise<{ readonly text: Buffer; readonly sentMs: number } | undefined>;
}
