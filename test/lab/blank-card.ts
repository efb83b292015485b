import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Node, Pod, Secret } from '@flotilla/shared/api/generated/types.js';
import { type TestRegistry, testRegistry } from '../harness/registry.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { LoopCard, shellLayer } from './flashed-card.ts';
import type { Shared } from './lab-goal.ts';
import { copyOfImage } from './lab-images.ts';
import { hostAddress, type VirtualArchitecture, VirtualBoard, virtualBoards } from './virtual-board.ts';

const cardMib = 3072;
/** Of one thing that a board does; emulated processors are slow. */
const patienceMs = { amd64: 40 * 60_000, arm64: 90 * 60_000 } as const;

/** What makes a board this board. */
export interface BoardIdentity {
  /** Of its permanent key. */
  readonly keyId: string;
  readonly nodeUid: string;
}

/** An image, a hub on this machine, and a registry with something to run. */
export class CardWorld implements Shared {
  readonly stack: Stack;
  readonly image: string;
  readonly architecture: VirtualArchitecture;
  readonly #dir: string;
  #registry: TestRegistry | undefined;

  private constructor(architecture: VirtualArchitecture, stack: Stack, dir: string, image: string) {
    this.architecture = architecture;
    this.stack = stack;
    this.#dir = dir;
    this.image = image;
  }

  static async open(architecture: VirtualArchitecture, log: (line: string) => void): Promise<CardWorld> {
    const stack = new Stack({ hubArgs: ['--names', hostAddress] });
    const dir = mkdtempSync(join(tmpdir(), 'flotilla-lab-image-'));
    const { board } = virtualBoards[architecture];
    const world = new CardWorld(architecture, stack, dir, join(dir, `flotilla-${board}.img`));
    try {
      log(`building the image of ${board}`);
      await stack.startHub();
      await copyOfImage(board, dir);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get patienceMs(): number {
    return patienceMs[this.architecture];
  }

  async flotilla(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.stack.flotilla(...args);
    if (code !== 0) throw new Error(`flotilla ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Of one layer, made of the card's own programs at the first call. */
  async registry(card: LoopCard): Promise<TestRegistry> {
    this.#registry ??= await testRegistry({
      tar: await shellLayer(card, this.architecture),
      architecture: this.architecture,
      config: { Cmd: ['/bin/sh', '-c', 'echo it runs; exec /bin/sleep 1000000'] },
    });
    return this.#registry;
  }

  async close(): Promise<void> {
    await this.#registry?.close();
    await this.stack.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** A board with a card that was flashed for it; every wait ends with an error that has its console's last lines. */
export class CardBoard {
  readonly name: string;
  readonly machine: VirtualBoard;
  readonly #card: LoopCard;
  readonly #world: CardWorld;
  #bootId = '';
  #identity: Partial<BoardIdentity> = {};

  private constructor(world: CardWorld, name: string, card: LoopCard, machine: VirtualBoard) {
    this.#world = world;
    this.name = name;
    this.#card = card;
    this.machine = machine;
  }

  /** The three commands of the README: the image is there; settings, card. */
  static async flashed(world: CardWorld, name: string, uuid: string): Promise<CardBoard> {
    const { architecture, image, stack } = world;
    const hub = `https://${hostAddress}:${stack.ports.api}`;
    await world.flotilla('image', 'configure', image, '--clear', '--hub', hub, '--hostname', name, '--create-tokens');
    const card = await LoopCard.insert(cardMib);
    try {
      await world.flotilla('flash', image, '--device', card.device, '--yes');
      const { host } = await world.registry(card);
      const location = host.replace('127.0.0.1', hostAddress);
      // No registry can be reached in the lab but one without TLS, which is the owner's to allow.
      await card.root.add('/etc/containers/registries.conf.d/lab.conf', `[[registry]]\nlocation = "${location}"\ninsecure = true\n`);
      const machine = new VirtualBoard({ architecture, card: card.device, dir: mkdtempSync(join(tmpdir(), 'flotilla-lab-board-')), uuid });
      return new CardBoard(world, name, card, machine);
    } catch (error) {
      await card.close();
      throw error;
    }
  }

  /** Ready, as it says itself since it was powered on last. @throws Error when it is another board than before */
  async ready(): Promise<void> {
    await this.#waits(`${this.name} is Ready`, async () => {
      const node = await this.#find<Node>('node', this.name);
      const bootId = node?.status?.nodeInfo?.bootID;
      const ready = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
      if (!ready || !bootId || bootId === this.#bootId) return false;
      this.#bootId = bootId;
      return true;
    });
    await this.checkIdentity();
  }

  /** What is known of it so far must stay so; nothing is known of one that has not joined yet. */
  async checkIdentity(): Promise<void> {
    const secret = await this.#find<Secret>('secret', `flotilla-board-${this.name}`, '--namespace=kube-system');
    const node = await this.#find<Node>('node', this.name);
    const now = { keyId: secret?.data?.['key-id'], nodeUid: node?.metadata?.uid };
    for (const part of ['keyId', 'nodeUid'] as const) {
      const before = this.#identity[part];
      if (before !== undefined && now[part] !== before)
        throw new Error(`${this.name} is another board now: ${part} was ${before}, is ${now[part] ?? 'gone'}`);
    }
    // Of a boot that nobody waited for, too: what the hub remembers of it is not the next one's.
    this.#bootId = node?.status?.nodeInfo?.bootID || this.#bootId;
    this.#identity = { ...(now.keyId ? { keyId: now.keyId } : {}), ...(now.nodeUid ? { nodeUid: now.nodeUid } : {}) };
  }

  async applyPod(): Promise<void> {
    const { host } = await this.#world.registry(this.#card);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: this.name },
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': this.name },
        containers: [{ name: 'main', image: `${host.replace('127.0.0.1', hostAddress)}/app:1` }],
        terminationGracePeriodSeconds: 1,
      },
    };
    const { code, stderr } = await this.#world.stack.kubectl.run(['apply', '-f', '-'], { input: JSON.stringify(pod) });
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  /** Started since the board was powered on last; wall time, whole seconds. */
  async podRuns(): Promise<number> {
    return await this.#waits(`the pod of ${this.name} runs`, async () => {
      const status = (await this.#find<Pod>('pod', this.name))?.status;
      const started = status?.containerStatuses?.[0]?.state?.running?.startedAt;
      const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      const startedMs = started ? Date.parse(started) : 0;
      return ready && startedMs >= this.machine.poweredOnMs - 2000 ? startedMs : false;
    });
  }

  /** What the first boot wrote on the boot partition; the board is off. */
  async report(): Promise<string> {
    return await this.#world.flotilla('image', 'configure', this.#card.device);
  }

  /** When its system has started: it asks for a name on the serial line. */
  async booted(): Promise<number> {
    await this.#waits(`${this.name} has started`, () => / login: *$/m.test(this.machine.console.stdout));
    return Date.now();
  }

  async close(): Promise<void> {
    await this.machine.close();
    await this.#card.close();
    await this.#world.stack.kubectl.run(['delete', 'pod,node', this.name, '--force', '--grace-period=0', '--ignore-not-found']);
  }

  async #find<T>(...what: string[]): Promise<T | undefined> {
    const { stdout } = await this.#world.stack.kubectl.run(['get', '--ignore-not-found', '-o', 'json', ...what]);
    return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as T);
  }

  async #waits<T>(what: string, ask: () => Promise<T | false> | T | false): Promise<T> {
    const { console } = this.machine;
    const answer = await until(
      what,
      async () => {
        // The emulated processor wants all there is: kubectl is not asked all the time.
        await sleep(2000);
        return console.running ? await ask() : ('the emulator has ended' as const);
      },
      this.#world.patienceMs,
    ).catch((error: Error) => error);
    if (answer instanceof Error || answer === 'the emulator has ended')
      throw new Error(`waiting until ${what}: ${String(answer)}\n${console.tail(400)}`);
    return answer as T;
  }
}
