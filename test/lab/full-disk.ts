import type { ConfigMapList } from '@flotilla/shared/api/generated/types.js';
import { until } from '../harness/until.ts';
import type { RealWorld } from './real-world.ts';

/** More than the disk has room for. */
const mostWrites = 150;
const text = 'x'.repeat(100_000);

/** What an operator sees of a hub whose disk is full. */
export interface FullHub {
  /** The disk has room again; what was acknowledged must be there, and writing must go on. */
  end(): Promise<void>;
}

/**
 * Fills the hub's disk while somebody writes, and looks: reads go on, writes are refused before they are acknowledged, deleting works.
 * `restarts` has the hub killed and started there. @throws Error that names what did not hold
 */
export async function fillHub({ stack, disks }: RealWorld, { fills = true, restarts = false } = {}): Promise<FullHub> {
  const { kubectl } = stack;
  const acknowledged = new Set<string>();
  const write = async (name: string): Promise<string> => {
    const { code, stderr } = await kubectl.run(['create', 'configmap', name, `--from-literal=text=${text}`]);
    if (code === 0) acknowledged.add(name);
    return stderr;
  };
  const stored = async (): Promise<Set<string>> => {
    const { items = [] } = await stack.get<ConfigMapList>('configmaps');
    return new Set(items.map(({ metadata }) => metadata?.name ?? ''));
  };
  const nothingLost = async (when: string): Promise<void> => {
    const there = await stored();
    const lost = [...acknowledged].filter((name) => !there.has(name));
    if (lost.length > 0) throw new Error(`acknowledged writes are stored: ${when}, ${lost.join(', ')} is not there`);
  };
  await write('kept');
  await write('deleted');
  if (fills) await disks?.hub.fill();
  let refusal = '';
  // What the log of the store has room for without growing is still taken.
  for (let turn = 0; turn < mostWrites && refusal === ''; turn++) refusal = await write(`more-${turn}`);
  if (!/disk of the hub is full/.test(refusal)) throw new Error(`a full disk refuses writes: it said ${refusal || 'nothing'}`);
  await nothingLost('on the full disk');
  const { code, stderr } = await kubectl.run(['delete', 'configmap', 'deleted']);
  if (code !== 0) throw new Error(`deleting works on a full disk: it said ${stderr}`);
  acknowledged.delete('deleted');
  if (restarts) {
    await stack.hub.end('SIGKILL');
    await stack.startHub();
    await nothingLost('after a start on the full disk');
  }
  return {
    async end() {
      await disks?.hub.free();
      await until('the hub takes writes again', async () => (await write('after')) === '');
      await nothingLost('with room again');
      for (const name of acknowledged) await kubectl.ok(['delete', 'configmap', name]);
    },
  };
}
