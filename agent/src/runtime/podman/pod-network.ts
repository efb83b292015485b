import { AddressPool } from '../address-pool.ts';
import { RuntimeError } from '../types.ts';
import { type LibpodClient, LibpodError } from './libpod-client.ts';
import type { LibpodNetwork } from './libpod-types.ts';
import { podmanLabels, shortHash } from './pod-names.ts';

/**
 * The bridge that this agent's pods are on. Its name holds the subnet: when the podCIDR changes a new one is made beside the old,
 * which keeps the pods it has and goes when the last of them is gone.
 */
export class PodNetwork {
  readonly #client: Pick<LibpodClient, 'call'>;
  readonly #owner: string;
  #current: { readonly name: string; readonly pool: AddressPool } | undefined;
  /** The podCIDR that was asked for last. */
  #wanted: string | undefined;
  /** Pods that start at the same time share one attempt. */
  #making: Promise<void> | undefined;
  /** Addresses that podman gave to somebody we do not know. */
  readonly #refused = new Set<string>();

  constructor(client: Pick<LibpodClient, 'call'>, owner: string) {
    this.#client = client;
    this.#owner = owner;
  }

  /** @throws RuntimeError with reason NetworkNotReady */
  get current(): { readonly name: string; readonly pool: AddressPool } {
    if (!this.#current) throw new RuntimeError('NetworkNotReady', 'network is not ready: this node has no podCIDR yet');
    return this.#current;
  }

  /** @throws RuntimeError with reason NetworkNotReady and podman's words, e.g. when the subnet is in use on this host */
  async use(podCIDR: string, signal?: AbortSignal): Promise<void> {
    this.#wanted = podCIDR;
    if (this.#current?.pool.subnet === podCIDR) return;
    try {
      const pool = new AddressPool(podCIDR);
      const hash = shortHash(`${this.#owner} ${pool.subnet}`, 10);
      const name = `flotilla-${hash}`;
      const { status } = await this.#client.call('GET', `/networks/${name}/exists`, { accept: [404], signal });
      if (status === 404) await this.#create(name, `flt${hash}`, pool, signal);
      this.#current = { name, pool };
      this.#refused.clear();
      await this.#removeOthers(name, signal);
    } catch (error) {
      if (error instanceof RuntimeError) throw error;
      throw new RuntimeError('NetworkNotReady', `cannot make a pod network of ${podCIDR}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Makes the network when that failed before: what was in the way may be gone. @throws RuntimeError with reason NetworkNotReady */
  async ready(signal?: AbortSignal): Promise<void> {
    if (this.#current || this.#wanted === undefined) return;
    this.#making ??= this.use(this.#wanted, signal).finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }

  /** Makes the network again: somebody removed it (`podman network prune`). */
  async renew(signal?: AbortSignal): Promise<void> {
    const { subnet } = this.current.pool;
    this.#current = undefined;
    await this.use(subnet, signal);
  }

  /** A free address. @throws RuntimeError with reason CreatePodSandboxError when there is none */
  take(inUse: ReadonlySet<string>): string {
    const { pool } = this.current;
    const ip = pool.take((one) => inUse.has(one) || this.#refused.has(one));
    if (ip !== undefined) return ip;
    // Those refused earlier may be free by now: try them again next time.
    this.#refused.clear();
    throw new RuntimeError('CreatePodSandboxError', `no address is left in ${pool.subnet}`);
  }

  refuse(ip: string): void {
    this.#refused.add(ip);
  }

  async #create(name: string, bridge: string, pool: AddressPool, signal: AbortSignal | undefined): Promise<void> {
    const body = {
      name,
      driver: 'bridge',
      network_interface: bridge,
      subnets: [{ subnet: pool.subnet, gateway: pool.gateway }],
      dns_enabled: false,
      ipv6_enabled: false,
      internal: false,
      labels: { [podmanLabels.owner]: this.#owner },
    };
    await this.#client.call('POST', '/networks/create', { body, signal });
  }

  async #removeOthers(keep: string, signal: AbortSignal | undefined): Promise<void> {
    const filters = JSON.stringify({ label: [`${podmanLabels.owner}=${this.#owner}`] });
    const { body } = await this.#client.call('GET', '/networks/json', { query: { filters }, signal });
    for (const network of body as LibpodNetwork[]) {
      if (network.name === keep) continue;
      // One that still has pods is refused, and tried again at the next start.
      await this.#client.call('DELETE', `/networks/${network.name}`, { signal }).catch((error: unknown) => {
        if (!(error instanceof LibpodError)) throw error;
      });
    }
  }
}
