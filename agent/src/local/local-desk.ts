import { textTable } from '@flotilla/shared/platform/text-table.js';
import { Shape } from '@flotilla/shared/protocol/shape.js';

/** What somebody at the board may ask. */
export type LocalRequest =
  | { readonly do: 'ps' | 'facts' }
  | { readonly do: 'restart'; readonly pod: string }
  | ({ readonly do: 'logs'; readonly pod: string } & LocalLogOptions);

export interface LocalLogOptions {
  /** The first one when left out. */
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
}

export interface LocalPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** As `kubectl get pods` shows it: Running, CrashLoopBackOff, Completed … */
  readonly status: string;
  readonly containers: readonly LocalContainer[];
  readonly ip: string | undefined;
}

export interface LocalContainer {
  readonly name: string;
  readonly ready: boolean;
  readonly restarts: number;
}

/** Where the answers come from: a running agent, or the container runtime alone. */
export interface LocalSource {
  pods(): Promise<readonly LocalPod[]>;
  logs(pod: LocalPod, options: LocalLogOptions & { readonly container: string }, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Resolves with what came of it. @throws Error */
  restart(pod: LocalPod): Promise<string>;
  facts(): Promise<Readonly<Record<string, string>>>;
}

/** Answers, for people to read. @throws Error with words for whoever asked */
export async function* answerLocally(source: LocalSource, request: LocalRequest, signal: AbortSignal): AsyncGenerator<Buffer> {
  switch (request.do) {
    case 'ps':
      yield Buffer.from(podTable(await source.pods()));
      return;
    case 'facts':
      yield Buffer.from(factLines(await source.facts()));
      return;
    case 'restart':
      yield Buffer.from(`${await source.restart(onePod(await source.pods(), request.pod))}\n`);
      return;
    case 'logs': {
      const pod = onePod(await source.pods(), request.pod);
      const container = request.container ?? pod.containers[0]?.name;
      if (container === undefined) throw new Error(`pod ${pod.namespace}/${pod.name} has no container yet`);
      if (!pod.containers.some(({ name }) => name === container))
        throw new Error(`container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.name)} not found`);
      yield* source.logs(pod, { ...request, container }, signal);
    }
  }
}

/** @throws ProtocolError for what is none */
export function parseLocalRequest(value: unknown): LocalRequest {
  const shape = new Shape('request', value);
  const what = shape.text('do');
  if (what === 'ps' || what === 'facts') return { do: what };
  if (what === 'restart') return { do: what, pod: shape.text('pod', 512) };
  if (what !== 'logs') throw shape.fault(`there is no ${JSON.stringify(what)}`);
  const container = shape.optionalText('container');
  const tailLines = shape.optionalInteger('tailLines');
  return {
    do: what,
    pod: shape.text('pod', 512),
    follow: shape.has('follow') && shape.boolean('follow'),
    previous: shape.has('previous') && shape.boolean('previous'),
    ...(container === undefined ? {} : { container }),
    ...(tailLines === undefined ? {} : { tailLines }),
  };
}

/** `NAME`, or `NAMESPACE/NAME` where a name is there twice. */
function onePod(pods: readonly LocalPod[], wanted: string): LocalPod {
  const slash = wanted.indexOf('/');
  const [namespace, name] = slash < 0 ? [undefined, wanted] : [wanted.slice(0, slash), wanted.slice(slash + 1)];
  const found = pods.filter((pod) => pod.name === name && (namespace === undefined || pod.namespace === namespace));
  const [first, second] = found;
  if (!first) throw new Error(`there is no pod ${wanted} on this board`);
  if (second) throw new Error(`there are several pods ${wanted}: ${found.map((pod) => `${pod.namespace}/${pod.name}`).join(', ')}`);
  return first;
}

function podTable(pods: readonly LocalPod[]): string {
  if (pods.length === 0) return 'No pods on this board.\n';
  const rows = pods.map(({ namespace, name, status, containers, ip }) => {
    const ready = `${containers.filter((container) => container.ready).length}/${containers.length}`;
    const restarts = containers.reduce((sum, container) => sum + container.restarts, 0);
    return [namespace, name, ready, status, String(restarts), ip ?? '<none>'];
  });
  rows.sort(([a = '', b = ''], [c = '', d = '']) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1));
  return textTable([['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS', 'IP'], ...rows]);
}

function factLines(facts: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(facts).map((name) => name.length)) + 1;
  return Object.entries(facts)
    .map(([name, value]) => `${`${name}:`.padEnd(width)} ${value}\n`)
    .join('');
}
