import { gitVersion } from '@flotilla/shared/api/version.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type EnrolOptions, enrol, type HubAddress, hubAddress } from '#hublink/enrol.ts';
import { type Enrolment, saveKey } from '#hublink/enrolment.ts';
import { createHubLink } from '#hublink/hub-link.ts';
import { createMqttCourier, type Endpoint } from '#hublink/mqtt-courier.ts';
import type { HubHttp } from '#hublink/mqtt-door.ts';
import { keepRenewed, type Renewal } from '#hublink/renewal.ts';
import { TrustedTime } from '#hublink/trusted-time.ts';
import { FakeHost } from '#node/fake-host.ts';
import type { FakeBehaviour } from '#runtime/fake/fake-behaviour.ts';
import { FakeRuntime } from '#runtime/fake/fake-runtime.ts';
import { type Agent, createAgent } from '../agent.ts';
import { type BehaviourName, behaviourTimes } from './behaviours.ts';
import { BoardClock } from './board-clock.ts';
import { boardKey, boardSerial } from './board-key.ts';
import { Line } from './line.ts';

/** What all boards of a simulation share. */
export interface FleetDoors {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly http: HubHttp;
}

export interface FleetSettings {
  readonly hubs: readonly string[];
  readonly token: string;
  /** What the boards' keys are made of. */
  readonly secret: Buffer;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  readonly keepAliveMs: number;
  /** What containers do. */
  readonly pods: FakeBehaviour;
}

export interface FleetBoardOptions extends FleetDoors, FleetSettings {
  readonly node: string;
  /** From 0: an address of its own. */
  readonly number: number;
  readonly behaviour: BehaviourName | undefined;
  /** Called whenever its link is up anew. */
  readonly connected: () => void;
}

const dataDir = '/data';
/** Nobody takes a simulated board's address away: looking at the machine's all the time would cost more than the boards do. */
const anyAddress = new (class extends Set<string> {
  override has(): boolean {
    return true;
  }
})();

/** One simulated board: the agent and its link as they are, on a disk and a runtime in memory, and a line that can be made bad. */
export class FleetBoard {
  readonly node: string;
  readonly behaviour: BehaviourName | undefined;
  readonly #options: FleetBoardOptions;
  readonly #files = new FakeFiles();
  readonly #clock: BoardClock;
  readonly #runtime: FakeRuntime;
  #enrolment: Enrolment | undefined;
  #line: Line | undefined;
  #running: { readonly agent: Agent; readonly renewal: Renewal; readonly time: TrustedTime } | undefined;
  #connected = false;

  constructor(options: FleetBoardOptions) {
    const { behaviour, clock, pods, random } = options;
    this.#options = options;
    this.node = options.node;
    this.behaviour = behaviour;
    const off = drawn(random, behaviourTimes.skewedClock.offMs) * (random.next() < 0.5 ? -1 : 1);
    this.#clock = new BoardClock(clock, behaviour === 'skewed-clock' ? off : 0);
    this.#runtime = new FakeRuntime({ clock: this.#clock, behaviour: pods });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Joins the hub. @throws EnrolError, or Error when the hub cannot be reached now */
  async join(): Promise<void> {
    const { hubs, logger, node, token } = this.#options;
    const { dir } = this.#joining;
    await saveKey(this.#files, dir, boardKey(this.#options.secret, node));
    this.#enrolment = await enrol({ ...this.#joining, hubs, logger, token });
  }

  /** Starts the agent of a board that joined. */
  async start(): Promise<void> {
    const enrolment = this.#enrolment;
    if (!enrolment || this.#running) return;
    const { behaviour, hubs, keepAliveMs, logger, node, number, random } = this.#options;
    const [clock, files] = [this.#clock, this.#files];
    const time = await TrustedTime.open({ files, clock, logger, dir: this.#joining.dir, floorMs: enrolment.floorMs });
    const addresses = hubs.map(hubAddress);
    const renewal = keepRenewed(enrolment, { ...this.#joining, clock, logger, time, hubs: addresses });
    const line = new Line({
      courier: createMqttCourier({
        scope: { clusterId: enrolment.clusterId, node },
        endpoints: addresses.flatMap((hub) => endpointsOf(hub, enrolment.mqttPort)),
        ca: enrolment.ca,
        credentials: () => renewal.current,
        floorMs: () => time.floorMs,
        logger,
        addresses: () => anyAddress,
      }),
      clock,
      ...(behaviour === 'slow' ? behaviourTimes.slow : {}),
    });
    this.#line = line;
    const agent = createAgent(
      {
        dataDir,
        nodeName: node,
        labels: this.#options.labels,
        taints: [],
        capacity: this.#options.capacity,
        version: gitVersion,
        floorMs: time.floorMs,
      },
      {
        ...{ clock, random, files, logger },
        runtime: this.#runtime,
        host: new FleetHost(node, number),
        link: (handlers, parts) =>
          createHubLink({
            ...{ courier: line, clock, random, logger, parts, time, keepAliveMs },
            identity: {
              scope: { clusterId: enrolment.clusterId, node },
              agentVersion: gitVersion,
              bootId: random.uuid(),
              serial: this.#joining.serial,
              manifestKeys: enrolment.manifestKeys,
            },
            handlers: {
              ...handlers,
              connected: (hubHasReports) => {
                this.#connected = true;
                this.#options.connected();
                handlers.connected(hubHasReports);
                void renewal.look();
              },
              disconnected: () => {
                this.#connected = false;
                handlers.disconnected();
              },
            },
          }),
      },
    );
    this.#running = { agent, renewal, time };
    await agent.start();
  }

  /** The agent ends; disk, identity and containers stay for the next `start`. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    running.renewal.stop();
    await running.agent.stop();
    await running.time.stop();
  }

  /** Without a line until `mendLine`. */
  cutLine(): void {
    this.#line?.cut();
  }

  mendLine(): void {
    this.#line?.mend();
  }

  get #joining(): Pick<EnrolOptions, 'files' | 'dir' | 'http' | 'node' | 'serial'> {
    const { http, node, secret } = this.#options;
    return { files: this.#files, dir: `${dataDir}/identity`, http, node, serial: boardSerial(secret, node) };
  }
}

/** A time out of a span. */
export function drawn(random: Pick<Random, 'next'>, [least, most]: readonly [number, number]): number {
  return least + random.next() * (most - least);
}

/** Of 198.18.0.0/15, which is meant for tests of networks (RFC 2544). */
class FleetHost extends FakeHost {
  readonly #name: string;
  readonly #address: string;

  constructor(name: string, number: number) {
    super();
    this.#name = name;
    this.#address = `198.${18 + ((number >> 16) & 1)}.${(number >> 8) & 255}.${number & 255}`;
  }

  override hostname(): string {
    return this.#name;
  }

  override addresses(): ReturnType<FakeHost['addresses']> {
    return [{ interfaceName: 'eth0', address: this.#address, family: 4 }];
  }
}

function endpointsOf({ host, port }: HubAddress, mqttPort: number | undefined): Endpoint[] {
  return [
    ...(mqttPort === undefined ? [] : [{ transport: 'mqtt', host, port: mqttPort } as const]),
    { transport: 'websocket', host, port },
  ];
}
