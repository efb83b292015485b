import { readFileSync } from 'node:fs';
import type { Kubectl } from '../harness/kubectl.ts';
import type { BenchHub } from './bench-hub.ts';
import type { Report } from './figure.ts';
import { Fleet } from './fleet.ts';
import { BenchTerminal } from './streams-terminal.ts';

const boards = 10;
const ofEach = 100;
const together = 50;

/** A thousand terminals through one hub to ten simulated boards: what the hub does is real, the programs are not. */
export async function thousand({ hub, bundleDir, kubectl, report }: ThousandParts): Promise<void> {
  const fleet = new Fleet(bundleDir, hub);
  const terminals: BenchTerminal[] = [];
  try {
    await fleet.grow(boards);
    const names = Array.from({ length: boards }, (_, board) => `many-${board}`);
    for (const [board, name] of names.entries()) {
      const spec = { nodeName: `sim-${board}`, terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'many:1' }] };
      await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }) });
    }
    await kubectl.ok(['wait', '--for=condition=Ready', '--timeout=120s', ...names.map((name) => `pod/${name}`)]);
    const beforeMb = residentMb(hub);
    const beganMs = performance.now();
    const pods = names.flatMap((name) => Array.from({ length: ofEach }, () => name));
    for (let open = 0; open < pods.length; open += together)
      terminals.push(...(await Promise.all(pods.slice(open, open + together).map((pod) => BenchTerminal.open(hub.kubeconfig, pod)))));
    const openMs = performance.now() - beganMs;
    const echoesMs = (await Promise.all(terminals.map((terminal) => terminal.echo('x')))).sort((a, b) => a - b);
    const common = { suite: 'streams', id: 'streams', better: 'lower' } as const;
    const name = '1,000 exec -it at once on one hub, 10 simulated boards';
    report({ ...common, name: `${name}: opened`, value: openMs / 1000, unit: 's' });
    report({ ...common, name: `${name}: slowest of 1,000 echoes asked for at once`, value: echoesMs.at(-1) ?? Number.NaN, unit: 'ms' });
    report({ ...common, name: `${name}: the hub`, value: residentMb(hub), unit: 'MB' });
    report({
      ...common,
      name: `${name}: of the hub, a stream`,
      value: ((residentMb(hub) - beforeMb) * 1024) / terminals.length,
      unit: 'KB',
    });
  } finally {
    for (const terminal of terminals) terminal.close();
    await Promise.all(terminals.map(({ closed }) => closed));
    await fleet.close();
  }
}

export interface ThousandParts {
  readonly hub: BenchHub;
  /** The agent's. */
  readonly bundleDir: string;
  readonly kubectl: Kubectl;
  readonly report: Report;
}

function residentMb({ pid }: BenchHub): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
