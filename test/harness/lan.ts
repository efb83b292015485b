import { randomInt } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { isThere, ownMark } from './owner.ts';

const exec = new SystemExec();
const prefix = 'flotilla-test-lan-';

/** A machine on the LAN: a network namespace with one cable. */
export interface LanPlace {
  readonly name: string;
  readonly address: string;
  /** What a program's command line begins with to run there. */
  readonly enter: readonly string[];
}

/** A switch with machines on it, made of network namespaces. Wants root. */
export class Lan {
  /** Where the hub's machine is found from the others. */
  readonly gateway: string;
  readonly #dir: string;
  readonly #tag: string;
  readonly #net: string;
  #count = 0;
  readonly #places = new Map<string, LanPlace & { readonly cable: string }>();

  private constructor(dir: string, tag: string, net: string) {
    this.#dir = dir;
    this.#tag = tag;
    this.#net = net;
    this.gateway = `${net}.1`;
  }

  /** Sweeps first what killed test runs left. */
  static async open(): Promise<Lan> {
    await sweep();
    const dir = await mkdtemp(join(tmpdir(), prefix));
    await writeFile(join(dir, 'owner'), ownMark);
    const tag = randomInt(36 ** 6)
      .toString(36)
      .padStart(6, '0');
    await writeFile(join(dir, 'tag'), tag);
    const lan = new Lan(dir, tag, await freeNet());
    try {
      await ip('link', 'add', lan.#bridge, 'type', 'bridge');
      await ip('address', 'add', `${lan.gateway}/24`, 'dev', lan.#bridge);
      await ip('link', 'set', lan.#bridge, 'up');
      return lan;
    } catch (error) {
      await lan.close();
      throw error;
    }
  }

  /** A machine with an address of its own. */
  async add(name: string): Promise<LanPlace> {
    const cable = `flv${this.#tag}${this.#count}`;
    const place = await this.#make(name, cable, `${this.#net}.${10 + this.#count}`, this.gateway);
    await ip('link', 'set', cable, 'master', this.#bridge, 'up');
    return place;
  }

  /**
   * A machine behind a router of its own that lets out nothing but TCP to this one port of the hub's machine, under the router's address, and
   * lets nothing in.
   */
  async addBehindNat(name: string, port: number): Promise<LanPlace> {
    const router = `router of ${name}`;
    const { enter } = await this.add(router);
    const cable = `flv${this.#tag}${this.#count}`;
    const place = await this.#make(name, cable, '192.168.77.2', '192.168.77.1', async () => {
      await ip('link', 'set', cable, 'netns', enter[1]?.split('/').at(-1) ?? '');
      await this.#in(router, 'ip', 'link', 'set', cable, 'name', 'eth1');
      await this.#in(router, 'ip', 'address', 'add', '192.168.77.1/24', 'dev', 'eth1');
      await this.#in(router, 'ip', 'link', 'set', 'eth1', 'up');
    });
    const rules = [
      '-P FORWARD DROP',
      '-A FORWARD -i eth0 -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      `-A FORWARD -i eth1 -p tcp -d ${this.gateway} --dport ${port} -j ACCEPT`,
      '-A FORWARD -i eth1 -p tcp -j REJECT --reject-with tcp-reset',
      '-t nat -A POSTROUTING -o eth0 -j MASQUERADE',
    ];
    for (const rule of rules) await this.#in(router, 'iptables', '-w', ...rule.split(' '));
    await this.#in(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    return place;
  }

  /** @param plug what becomes of the other end of its cable before the machine is given a way out */
  async #make(name: string, cable: string, address: string, gateway: string, plug = async (): Promise<void> => {}): Promise<LanPlace> {
    const number = this.#count++;
    const netns = `flt${this.#tag}-${number}`;
    const inner = `flw${this.#tag}${number}`;
    await ip('netns', 'add', netns);
    await ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', inner);
    await ip('link', 'set', inner, 'netns', netns);
    const place = { name, address, cable, enter: ['nsenter', `--net=/run/netns/${netns}`] };
    this.#places.set(name, place);
    await plug();
    await this.#in(name, 'ip', 'link', 'set', 'lo', 'up');
    await this.#in(name, 'ip', 'link', 'set', inner, 'name', 'eth0');
    await this.#in(name, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    await this.#in(name, 'ip', 'link', 'set', 'eth0', 'up');
    await this.#in(name, 'ip', 'route', 'add', 'default', 'via', gateway);
    return place;
  }

  /** What an owner does on a LAN whose pods shall reach each other: every machine learns which other one a subnet is behind. */
  async route(subnets: Readonly<Record<string, string>>): Promise<void> {
    for (const [owner, subnet] of Object.entries(subnets)) {
      const via = this.#places.get(owner)?.address ?? '';
      for (const { name } of this.#places.values()) {
        if (name !== owner) await this.#in(name, 'ip', 'route', 'replace', subnet, 'via', via);
      }
    }
    for (const { name } of this.#places.values()) await this.#in(name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  }

  /** Pulls a machine's cable. */
  async unplug(name: string): Promise<void> {
    await ip('link', 'set', this.#place(name).cable, 'down');
  }

  async plug(name: string): Promise<void> {
    await ip('link', 'set', this.#place(name).cable, 'up');
  }

  async close(): Promise<void> {
    await removeLan(this.#tag);
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #bridge(): string {
    return `flb${this.#tag}`;
  }

  #place(name: string): LanPlace & { readonly cable: string } {
    const place = this.#places.get(name);
    if (!place) throw new Error(`${name} is not on this LAN`);
    return place;
  }

  async #in(name: string, ...command: string[]): Promise<void> {
    await run(...this.#place(name).enter, ...command);
  }
}

/** Ten addresses ahead of everybody, of a network that this machine has no route into. */
async function freeNet(): Promise<string> {
  const { stdout } = await exec.run('ip', ['-4', 'route', 'show']);
  for (;;) {
    const net = `10.${200 + randomInt(50)}.${randomInt(250)}`;
    if (!stdout.toString().includes(`${net}.`)) return net;
  }
}

/** Namespaces, which take their ends of the cables with them, and the switch. */
async function removeLan(tag: string): Promise<void> {
  const { stdout } = await exec.run('ip', ['netns', 'list']);
  for (const line of stdout.toString().split('\n')) {
    const [name = ''] = line.split(' ');
    if (tag !== '' && name.startsWith(`flt${tag}-`)) await exec.run('ip', ['netns', 'delete', name]);
  }
  await exec.run('ip', ['link', 'delete', `flb${tag}`]);
}

async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const dir = join(tmpdir(), name);
    const mark = await readFile(join(dir, 'owner'), 'utf8').catch(() => '');
    if (mark === '' || (await isThere(mark))) continue;
    await removeLan(await readFile(join(dir, 'tag'), 'utf8').catch(() => ''));
    await rm(dir, { recursive: true, force: true });
  }
}

const ip = (...args: string[]): Promise<void> => run('ip', ...args);

async function run(...command: string[]): Promise<void> {
  const [program = '', ...args] = command;
  const { code, stderr } = await exec.run(program, args);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`);
}
