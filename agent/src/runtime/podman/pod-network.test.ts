import { expect, test } from 'vitest';
import { type LibpodAnswer, LibpodError } from './libpod-client.ts';
import { PodNetwork } from './pod-network.ts';

/** As much of podman as a network takes; the subnet is somebody else's while `taken`. */
class Networks {
  taken = true;
  created = 0;

  async call(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<LibpodAnswer> {
    if (path.endsWith('/exists')) return { status: 404, body: undefined };
    if (method === 'GET') return { status: 200, body: [] };
    if (this.taken) throw new LibpodError(500, 'subnet 10.9.0.0/26 is already used on the host');
    this.created++;
    return { status: 200, body: {} };
  }
}

test('a network that could not be made is made for the next pod, once', async () => {
  const podman = new Networks();
  const network = new PodNetwork(podman, 'me');
  await network.ready();
  expect(() => network.current).toThrow('this node has no podCIDR yet');
  await expect(network.use('10.9.0.0/26')).rejects.toMatchObject({ reason: 'NetworkNotReady' });
  await expect(network.ready()).rejects.toThrow('already used on the host');
  podman.taken = false;
  await Promise.all([network.ready(), network.ready()]);
  expect(podman.created).toBe(1);
  expect(network.take(new Set())).toBe('10.9.0.2');
});
