import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { gitVersion } from '@flotilla/shared/api/version.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { writeCompiled } from '@flotilla/shared/platform/compile-cache.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { SystemMounts } from '@flotilla/shared/platform/mounts.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import { LinkCounter } from '#budget/link-counter.ts';
import type { AgentConfig } from '#config/agent-config.ts';
import { linkProfileTable } from '#config/link-profiles.ts';
import { type BoardFace, openBoardFace } from '#first-boot/board-face.ts';
import { EnrolError, type EnrolOptions, enrol, type HubAddress, hubAddress, WaitsForApproval } from '#hublink/enrol.ts';
import { type Enrolment, loadEnrolment } from '#hublink/enrolment.ts';
import { createHubLink } from '#hublink/hub-link.ts';
import { KeepAlive } from '#hublink/keep-alive.ts';
import { createMqttCourier, type Endpoint } from '#hublink/mqtt-courier.ts';
import { hubHttp } from '#hublink/mqtt-door.ts';
import { proxyFor } from '#hublink/mqtt-proxy.ts';
import { keepRenewed } from '#hublink/renewal.ts';
import { TrustedTime } from '#hublink/trusted-time.ts';
import { WireCount } from '#hublink/wire-count.ts';
import { ImagePulls } from '#images/image-pulls.ts';
import { SystemGuard } from '#leases/system-guard.ts';
import { SystemHost } from '#node/system-host.ts';
import type { Runtime } from '#runtime/types.ts';
import type { ShellDoor } from '#streams/board-shell.ts';
import { createAgent } from '../agent.ts';
import { findHubs } from './find-hubs.ts';
import { serveLocally } from './local-socket.ts';
import { machineAddresses, machineSerial } from './machine.ts';

/** Loaded by the first shell. */
const startShell: ShellDoor['start'] = async (shell, signal) => (await import('#streams/pty.ts')).startShell(shell, signal);

const enrolRetry = { baseMs: 1_000, maxMs: 60_000, jitter: 'full' } as const;

export interface BoardDoors {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly files: Files;
  readonly logger: Logger;
  /** Begun already. */
  readonly runtime: Runtime;
  /** Made, and locked by this process. */
  readonly dataDir: string;
  readonly stopping: { readonly done: Promise<void>; readonly signal: AbortSignal };
}

/** Joins the hub if need be, and runs the agent until it is told to stop. @throws Error with a message for whoever typed the command */
export async function runBoard(config: AgentConfig, doors: BoardDoors): Promise<void> {
  const { clock, exec, files, logger, runtime, dataDir, stopping } = doors;
  const random = new SystemRandom();
  const identityDir = join(dataDir, 'identity');
  // Whoever installs a board is told all that it lacks before its token is used; later starts do not wait for programs to be tried out.
  const missing = await runtime.preflight((await loadEnrolment(files, identityDir)) ? 'quick' : 'thorough');
  if (missing.length > 0) throw new Error(`this machine cannot run pods yet: ${missing.join('; ')}`);

  const ownName = config.nodeName ?? hostname().toLowerCase();
  // Given through the environment it does not show in the list of processes.
  const token =
    config.token ?? process.env['FLOTILLA_JOIN_TOKEN'] ?? (config.tokenFile && (await files.readText(resolve(config.tokenFile)))?.trim());
  const proxy = proxyFor({ proxy: config.proxy, env: process.env });
  const wire = new WireCount();
  const counter = new LinkCounter();
  const keepAlive = new KeepAlive({ clock, bounds: linkProfileTable[config.profile].keepAlive, fixedMs: config.keepAliveMs });
  const given = config.hubs.filter((hub) => hub !== 'auto');
  const joining: EnrolOptions = {
    files,
    dir: identityDir,
    http: (dial, request) => hubHttp({ ...dial, wire }, request),
    logger,
    hubs: given,
    proxy,
    ...(token ? { token } : {}),
    node: ownName,
    serial: machineSerial(),
  };
  const face = await openBoardFace({ files, hostname, addresses: machineAddresses });
  // Where a hub is may come from anybody; which hub it is, the token says.
  const search = config.hubs.length > given.length ? () => findHubs({ clock, random }) : undefined;
  const enrolment = await enrolled(joining, { clock, random, logger, face, search }, stopping.signal);
  if (!enrolment) {
    await runtime.close();
    return;
  }
  const { node } = enrolment;
  const time = await TrustedTime.open({ ...{ files, clock, logger }, dir: joining.dir, floorMs: enrolment.floorMs });
  const hubs = given.length > 0 ? given.map(hubAddress) : [enrolment.hub];
  const { promise: renamed, resolve: rename } = Promise.withResolvers<string>();
  const identity = keepRenewed(enrolment, { ...joining, clock, logger, time, hubs, renamed: rename });

  const agent = createAgent(
    {
      dataDir,
      volatileDir: runtimeDir(dataDir),
      nodeName: node,
      labels: config.labels,
      taints: config.taints,
      capacity: config.capacity,
      version: gitVersion,
      operations: { denied: config.denyOperations, ...(config.rebootCommand ? { rebootCommand: config.rebootCommand } : {}) },
      floorMs: time.floorMs,
      profile: config.profile,
    },
    {
      clock,
      random,
      files,
      logger,
      runtime,
      images: new ImagePulls(runtime),
      traffic: { counter, wire, keepAlive },
      reported: () => process.send?.('reported'),
      guard: new SystemGuard({ files, exec }),
      ...(runtime.listeners ? { listeners: runtime.listeners } : {}),
      // Without root mounts are out of this process's reach.
      ...(process.getuid?.() === 0 ? { mounts: new SystemMounts(exec) } : {}),
      exec,
      ...(config.allowShell ? { shell: { user: config.shellUser, start: startShell } } : {}),
      host: new SystemHost({
        exec,
        probeCommand: [process.execPath, join(import.meta.dirname, `../node/host-probe${extname(import.meta.filename)}`)],
      }),
      link: (handlers, parts) =>
        createHubLink({
          courier: createMqttCourier({
            scope: { clusterId: enrolment.clusterId, node },
            endpoints: hubs.flatMap((hub) => endpointsOf(hub, enrolment.mqttPort)),
            ca: enrolment.ca,
            credentials: () => identity.current,
            floorMs: () => time.floorMs,
            logger,
            proxy,
            meter: counter,
            wire,
          }),
          clock,
          random,
          logger,
          identity: {
            scope: { clusterId: enrolment.clusterId, node },
            agentVersion: gitVersion,
            bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
            serial: joining.serial,
            manifestKeys: enrolment.manifestKeys,
          },
          // What was waiting for the hub's time, or for the hub.
          handlers: {
            ...handlers,
            connected: (hubHasReports) => {
              handlers.connected(hubHasReports);
              void identity.look();
            },
          },
          parts,
          time,
          keepAlive,
          meter: counter,
          unknown: () => identity.refused(),
        }),
    },
  );
  await agent.start();
  writeCompiled();
  // From here on memory counts for more than speed. As an option of node it would cost the start 40 ms: Node's own modules lie compiled in
  // its binary, for the usual options only.
  setFlagsFromString('--optimize-for-size');
  const desk = await serveLocally(dataDir, agent.local, logger);
  // Whoever started this agent starts it again, under the name that the hub gave it.
  await Promise.race([stopping.done, renamed]);
  await desk.close();
  identity.stop();
  await agent.stop();
  await time.stop();
}

interface JoinDoors {
  readonly clock: Clock;
  readonly random: SystemRandom;
  readonly logger: Logger;
  readonly face: BoardFace;
  /** Further addresses, asked for until the board has joined. */
  readonly search: (() => Promise<string[]>) | undefined;
}

/** Tries until the hub can be reached; what trying again cannot mend is thrown. Undefined when told to stop first. */
async function enrolled(
  given: EnrolOptions,
  { clock, random, logger, face, search }: JoinDoors,
  signal: AbortSignal,
): Promise<Enrolment | undefined> {
  let options = given;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      if (search && !(await loadEnrolment(given.files, given.dir))) {
        options = { ...given, hubs: [...given.hubs, ...(await search())] };
        if (options.hubs.length === 0) throw new Error('no hub answers on this network (flotilla hub --mdns does)');
      }
      const enrolment = await enrol(options);
      await face.show({ state: 'joined', step: `joined as ${enrolment.node}` });
      return enrolment;
    } catch (error) {
      const waits = error instanceof WaitsForApproval;
      const state = waits ? 'waiting' : error instanceof EnrolError ? 'fault' : 'joining';
      const shown = waits ? { fingerprint: error.fingerprint } : { fault: describeError(error) };
      await face.show({ state, step: `join ${options.hubs.join(' ')}`, ...shown });
      if (error instanceof EnrolError) throw error;
      const ownMs = retryDelayMs(enrolRetry, failures, random);
      const waitMs = waits ? error.retryAfterMs * (1 + random.next() / 4) : ownMs;
      logger.warn('could not join yet', { hubs: options.hubs, error: describeError(error), retryInMs: Math.round(waitMs) });
      await clock.sleep('agent: join again', waitMs, signal).catch(() => {});
    }
  }
  return undefined;
}

/** MQTT's own port where the hub has one, and the API port, which is always open. */
function endpointsOf({ host, port }: HubAddress, mqttPort: number | undefined): Endpoint[] {
  return [
    ...(mqttPort === undefined ? [] : [{ transport: 'mqtt', host, port: mqttPort } as const]),
    { transport: 'websocket', host, port },
  ];
}

/** In memory, for what must not be written to the disk; an ordinary user without a session has no such place. */
function runtimeDir(dataDir: string): string | undefined {
  const base = process.getuid?.() === 0 ? '/run' : process.env['XDG_RUNTIME_DIR'];
  return base ? join(base, 'flotilla', dataDir.replaceAll('/', '_').replace(/^_/, '')) : undefined;
}
