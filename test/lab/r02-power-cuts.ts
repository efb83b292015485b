import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { freePort } from '../harness/free-port.ts';
import { Program } from '../harness/program.ts';
import { flotilla } from '../harness/stack.ts';
import { checkHistory } from './history/check-history.ts';
import { History } from './history/history.ts';
import { RecordedApi } from './history/recorded-api.ts';
import type { Lab, LabGoal, Shared } from './lab-goal.ts';
import { PowerDisk } from './power-disk.ts';

const lax = new URL('./lax-hub.ts', import.meta.url).href;
const writers = 8;
/** The load goes on for so long before the power fails; some times it fails between two writes, some times within one. */
const loadMs = { least: 40, most: 500 };
const stored = '/registry/core/configmaps/default/';
const mostPadding = 12_000;

/** A hub on a disk of its own. */
class DiskHub implements Shared {
  readonly disk: PowerDisk;
  readonly #hub: Program;
  /** Config maps that were acknowledged in earlier rounds and nobody deleted. */
  readonly left = new Set<string>();

  private constructor(disk: PowerDisk, hub: Program) {
    this.disk = disk;
    this.#hub = hub;
  }

  static async open({ atomic, loose }: { readonly atomic: boolean; readonly loose: boolean }): Promise<DiskHub> {
    const disk = await PowerDisk.open({ atomic });
    const dir = join(disk.mount, 'hub');
    const args = ['hub', '--data-dir', dir, '--listen', `127.0.0.1:${await freePort()}`, '--mqtt-listen', 'none', '--controllers=-*'];
    const env = { ...process.env, KUBECONFIG: undefined, INIT_CWD: undefined, NODE_OPTIONS: loose ? `--import=${lax}` : undefined };
    const hub = Program.node('hub', flotilla, args, { env });
    await hub.says(/^The hub is ready$/m).catch(async (error: unknown) => {
      await hub.end('SIGKILL');
      await disk.close();
      throw error;
    });
    return new DiskHub(disk, hub);
  }

  get kubeconfig(): string {
    return join(this.disk.mount, 'hub/admin.kubeconfig');
  }

  get pid(): number {
    return this.#hub.pid;
  }

  async close(): Promise<void> {
    await this.#hub.end('SIGKILL');
    await this.disk.close();
  }
}

/** The power fails once while eight clients write. @throws Error with what is lost or broken */
async function powerCut(seed: number, { random, tally }: Lab, world: DiskHub): Promise<void> {
  const history = new History();
  const api = new RecordedApi(world.kubeconfig, history);
  const round = `r${seed}-`;
  let over = false;
  const writer = async (id: number): Promise<void> => {
    for (let turn = 0; !over; turn++) {
      const name = `${round}${id}-${turn}`;
      const padding = 'x'.repeat(Math.floor(random.next() * mostPadding));
      const done = (await api.create(name, `${name} made`, padding)) && (await api.update(name, `${name} changed`, padding));
      if (!done) throw new Error('the hub takes no writes');
      if (turn % 4 !== 0) await api.remove(name);
    }
  };
  try {
    const load = Promise.all(Array.from({ length: writers }, (_, id) => writer(id)));
    load.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, loadMs.least + random.next() * (loadMs.most - loadMs.least)));
    const asked = history.tick();
    let answered = asked;
    const taken = (): void => {
      answered = history.tick();
      over = true;
    };
    const found = await world.disk.cut(world.pid, taken, (mount) => readStore(join(mount, 'hub/hub.db')));
    over = true;
    await load;
    const items = found.items.filter(({ key }) => key.startsWith(`configmaps/${round}`));
    history.readings.push({ prefix: `configmaps/${round}`, asked, answered, revision: found.revision, items });
    tally.fault('power cut');
    tally.invariant('nothing acknowledged is missing', history.writes.length);
    const names = new Set(found.items.map(({ key }) => key));
    const lost = [...world.left].filter((key) => !names.has(key)).map((key) => `${key} of an earlier round is gone`);
    const faults = [...checkHistory(history), ...lost, ...found.damage];
    tally.invariant('the file is sound');
    if (faults.length > 0) throw new Error(`${faults.length} faults after the cut: ${faults.slice(0, 3).join('; ')}`);
    const gone = new Set(history.writes.filter(({ value }) => value === undefined).map(({ key }) => key));
    for (const { key } of history.writes) if (!gone.has(key)) world.left.add(key);
  } finally {
    over = true;
    api.close();
  }
}

/** What a hub would find. */
async function readStore(
  file: string,
): Promise<{ revision: number; items: { key: string; value: string; revision: number }[]; damage: string[] }> {
  const store = await SqliteStore.open({ file, clock: new SystemClock(), logger: silentLogger });
  const { items, revision } = await store.list(stored);
  await store.close();
  const db = new DatabaseSync(file);
  const check = String(db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']);
  db.close();
  return {
    revision,
    items: items.map(({ key, value, revision: at }) => ({
      key: `configmaps/${key.slice(stored.length)}`,
      value: (JSON.parse(value) as { data?: { value?: string } }).data?.value ?? '',
      revision: at,
    })),
    damage: check === 'ok' ? [] : [`the file is damaged: ${check}`],
  };
}

function goalOf(id: string, title: string, rounds: number, atomic: boolean): LabGoal {
  const name = (loose: boolean): string => `${loose ? 'loose' : 'hub'} on a disk`;
  const round = async (seed: number, lab: Lab, loose: boolean): Promise<void> =>
    powerCut(seed, lab, await lab.once(name(loose), () => DiskHub.open({ atomic, loose })));
  return {
    id,
    title,
    rounds,
    round: (seed, lab) => round(seed, lab, false),
    faults: { kinds: ['power cut'], atLeast: rounds },
    invariants: ['nothing acknowledged is missing', 'the file is sound'],
    controls: [
      { mistake: 'the store does not wait for the disk (synchronous=NORMAL)', rounds: 5, round: (seed, lab) => round(seed, lab, true) },
    ],
    ...(atomic ? { tools: ['btrfs'] as const } : {}),
  };
}

/** The power fails at a random moment, within a write too. */
export const powerCuts = goalOf('R2', "power cuts of the hub's disk under load", 200, true);
/** Between two calls of the hub only: needs nothing but a loop device. */
export const fewPowerCuts = goalOf('R2-few', "power cuts of the hub's disk under load, between two of its calls", 4, false);
