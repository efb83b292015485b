import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { DurableRecord } from '@flotilla/shared/platform/durable-record.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { NodeReport } from '@flotilla/shared/protocol/messages.js';
import { value } from '@flotilla/shared/quantity/quantity.js';
import type { Taint } from '#config/agent-config.ts';
import type { Runtime } from '#runtime/types.ts';
import type { NodeFacts } from '#volumes/field-ref.ts';
import type { Host, HostProbe } from './host.ts';
import { type BoardFacts, hostAddresses, labelValue, readBoardFacts, withProbe } from './node-facts.ts';

export interface NodeReporterOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly logger: Logger;
  readonly host: Host;
  readonly runtime: Runtime;
  readonly dataDir: string;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly capacity: Readonly<Record<string, string>>;
  /** `v1.34.2+flotilla.1` */
  readonly version: string;
  /** What the board's own clock said in this boot, in true time as far as that is known. */
  readonly correct: (ownWallMs: number) => number;
  /** Further conditions, as they are now. */
  readonly conditions?: () => readonly object[];
  readonly changed: () => void;
}

const lookMs = 300_000;
/** While something is wrong: it may be over in a moment, and nothing new is scheduled here meanwhile. */
const ailingLookMs = 30_000;
const mostImages = 50;
const mostPods = '110';
/** The kubelet's hard eviction limits: what it keeps back of memory, and the shares of the disk and of process ids. */
const memoryKept = 100 * 2 ** 20;
const diskShareKept = 0.1;
/** What is short is well again when it is so many times beyond its limit: nothing swings to and fro at it. */
const recovered = 1.5;

type ConditionType = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure' | 'Ready';
const healthy: Readonly<Record<ConditionType, readonly [reason: string, message: string]>> = {
  MemoryPressure: ['KubeletHasSufficientMemory', 'the board has sufficient memory available'],
  DiskPressure: ['KubeletHasNoDiskPressure', 'the board has no disk pressure'],
  PIDPressure: ['KubeletHasSufficientPID', 'the board has sufficient PID available'],
  Ready: ['KubeletReady', 'the agent is running pods'],
};
const ailing: typeof healthy = {
  MemoryPressure: ['KubeletHasInsufficientMemory', 'the board has insufficient memory available'],
  DiskPressure: ['KubeletHasDiskPressure', 'the board has disk pressure'],
  PIDPressure: ['KubeletHasInsufficientPID', 'the board has insufficient PID available'],
  Ready: ['KubeletNotReady', 'the container runtime is down'],
};

/** The Node as its board knows it. Looks at /proc at the start and every five minutes, more often while something is wrong, and tells only of changes. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  readonly #stop = new AbortController();
  readonly #bad = new Map<ConditionType, { readonly bad: boolean; readonly sinceWallMs: number }>();
  #facts: BoardFacts | undefined;
  #addresses: readonly string[] = [];
  #runtimeVersion = '';
  #runtimeDown = false;
  #networkFailure: string | undefined;
  #images: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[] = [];

  constructor(options: NodeReporterOptions) {
    this.#options = options;
  }

  /** Reads the quick facts, then goes on looking in the background. */
  async start(): Promise<void> {
    const { files, host, dataDir, logger } = this.#options;
    this.#facts = await readBoardFacts(files, host, dataDir);
    this.#addresses = await hostAddresses(files, host);
    const background = async (): Promise<void> => {
      await this.#probe().catch((error: unknown) => logger.warn('cannot find out more about the board', { error }));
      while (!this.#stop.signal.aborted) {
        await this.look();
        await this.#options.clock.sleep('look at the board', this.#ails ? ailingLookMs : lookMs, this.#stop.signal).catch(() => {});
      }
    };
    void background();
  }

  stop(): void {
    this.#stop.abort(new Error('the agent stops'));
  }

  /** Looks anew: images came or went, the network changed. */
  async look(): Promise<void> {
    const { files, host, runtime, logger, dataDir } = this.#options;
    try {
      this.#addresses = await hostAddresses(files, host);
      const memory = (await files.readText('/proc/meminfo')) ?? '';
      const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(memory)?.[1] ?? Number.MAX_SAFE_INTEGER / 1024) * 1024;
      this.#set('MemoryPressure', available < this.#limit('MemoryPressure', memoryKept));
      const { bytes, freeBytes } = await files.space(dataDir);
      this.#set('DiskPressure', freeBytes < this.#limit('DiskPressure', bytes * diskShareKept));
      const processes = Number(/\/(\d+)/.exec((await files.readText('/proc/loadavg')) ?? '')?.[1] ?? 0);
      const most = Number((await files.readText('/proc/sys/kernel/pid_max')) ?? Number.MAX_SAFE_INTEGER);
      this.#set('PIDPressure', processes > 0.9 * most);
      this.#runtimeVersion = await runtime.version();
      const images = await runtime.images();
      this.#images = images
        .map(({ names, bytes: sizeBytes }) => ({ names: [...names].sort().slice(0, 5), sizeBytes }))
        .filter(({ names }) => names.length > 0)
        .sort((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
        .slice(0, mostImages);
      this.#runtimeDown = false;
    } catch (error) {
      logger.warn('cannot look at the board', { error });
      this.#runtimeDown = true;
    }
    this.#setReady();
    this.#options.changed();
  }

  /** Why pods have no network, in the runtime's words; undefined when they have one. */
  networkFailed(failure: string | undefined): void {
    if (failure === this.#networkFailure) return;
    this.#networkFailure = failure;
    this.#setReady();
    this.#options.changed();
  }

  get facts(): NodeFacts {
    return { nodeName: this.#options.nodeName, hostIPs: this.#addresses, allocatable: this.#resources().allocatable };
  }

  report(): Omit<NodeReport, 'sequence'> {
    const { nodeName, labels, taints, version } = this.#options;
    const facts = this.#facts;
    const architecture = facts?.architecture ?? '';
    const model = labelValue(facts?.boardModel ?? '');
    const types: readonly ConditionType[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'];
    return {
      labels: {
        'beta.kubernetes.io/arch': architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        'kubernetes.io/hostname': nodeName,
        'kubernetes.io/os': 'linux',
        ...(model ? { 'fleet.flotilla.dev/board-model': model } : {}),
        ...labels,
      },
      taints,
      status: {
        addresses: [
          ...this.#addresses.map((address) => ({ type: 'InternalIP', address })),
          { type: 'Hostname', address: facts?.hostname || nodeName },
        ],
        ...this.#resources(),
        conditions: [...types.map((type) => this.#condition(type)), ...(this.#options.conditions?.() ?? [])],
        images: this.#images,
        nodeInfo: {
          architecture,
          bootID: facts?.bootId ?? '',
          containerRuntimeVersion: this.#runtimeVersion,
          kernelVersion: facts?.kernelVersion ?? '',
          kubeProxyVersion: '',
          kubeletVersion: version,
          machineID: facts?.machineId ?? '',
          operatingSystem: 'linux',
          osImage: facts?.osImage ?? '',
          systemUUID: facts?.systemUuid ?? '',
        },
      },
    };
  }

  #resources(): { capacity: Record<string, string>; allocatable: Record<string, string> } {
    const { capacity: given } = this.#options;
    const { cpus = 0, memoryBytes = 0, storageBytes = 0 } = this.#facts ?? {};
    const capacity = {
      cpu: `${cpus}`,
      'ephemeral-storage': `${Math.floor(storageBytes / 1024)}Ki`,
      memory: `${Math.floor(memoryBytes / 1024)}Ki`,
      pods: mostPods,
      ...given,
    };
    const memory = Math.max(0, value(capacity.memory) - memoryKept);
    const allocatable = {
      ...capacity,
      'ephemeral-storage': `${Math.floor(value(capacity['ephemeral-storage']) * (1 - diskShareKept))}`,
      memory: given['memory'] === undefined ? `${Math.floor(memory / 1024)}Ki` : given['memory'],
    };
    return { capacity, allocatable };
  }

  #condition(type: ConditionType): Record<string, string> {
    const { clock, correct } = this.#options;
    const { bad = false, sinceWallMs = clock.wallMs() } = this.#bad.get(type) ?? {};
    const [reason, words] = (bad ? ailing : healthy)[type];
    const noNetwork = type === 'Ready' && bad && !this.#runtimeDown;
    const message = noNetwork ? `container runtime network not ready: ${this.#networkFailure}` : words;
    const status = bad === (type !== 'Ready') ? 'True' : 'False';
    return { type, status, reason, message, lastTransitionTime: kubeTime(correct(sinceWallMs)) };
  }

  get #ails(): boolean {
    return [...this.#bad.values()].some(({ bad }) => bad);
  }

  #limit(type: ConditionType, limit: number): number {
    return this.#bad.get(type)?.bad ? limit * recovered : limit;
  }

  #setReady(): void {
    this.#set('Ready', this.#runtimeDown || this.#networkFailure !== undefined);
  }

  #set(type: ConditionType, bad: boolean): void {
    if (this.#bad.get(type)?.bad !== bad) this.#bad.set(type, { bad, sinceWallMs: this.#options.clock.wallMs() });
  }

  /** Once per boot: the next start of the agent finds the answer on disk. */
  async #probe(): Promise<void> {
    const { files, host, dataDir } = this.#options;
    if (!this.#facts) return;
    const { bootId } = this.#facts;
    const record = new DurableRecord<{ bootId: string; probe: HostProbe }>(files, `${dataDir}/board`);
    const { value: kept } = await record.read();
    let probe = kept?.bootId === bootId ? kept.probe : undefined;
    if (!probe) {
      probe = await host.probe();
      if (!probe) return;
      await record.write({ bootId, probe });
    }
    this.#facts = withProbe(this.#facts, probe);
  }
}
