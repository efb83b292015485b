import { offlineWords } from '@flotilla/shared/api/offline.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { type FieldError, invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { keptLogBytes } from '@flotilla/shared/protocol/log-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { NodeConnector } from '#registry/generic/types.ts';
import { setWarnings } from './answers.ts';
import { chosenContainer } from './chosen-container.ts';
import type { SpecialSubresource } from './endpoints.ts';
import type { AnswerStream, ApiRequest, Exchange } from './exchange.ts';
import { integer } from './query-options.ts';
import { isTrue } from './request-info.ts';
import { chosenProtocol } from './streams/sub-protocols.ts';
import { readerForm, readerProtocols, webSocketAnswer } from './streams/web-socket-answer.ts';

interface Container {
  readonly name: string;
}

interface PodView extends KubeObject {
  readonly spec?: { readonly nodeName?: string; readonly containers?: Container[]; readonly initContainers?: Container[] };
  readonly status?: {
    readonly containerStatuses?: ContainerStatus[];
    readonly initContainerStatuses?: ContainerStatus[];
    readonly ephemeralContainerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason?: string }; readonly terminated?: Terminated };
  readonly lastState?: { readonly terminated?: Terminated };
  readonly restartCount?: number;
}

interface Terminated {
  readonly containerID?: string;
}

/** `GET pods/NAME/log` (registry/core/pod, `LogREST`, and the kubelet's answers): text, as it comes from the board. */
export function logSubresource(connector: NodeConnector): SpecialSubresource {
  return {
    group: '',
    resource: 'pods',
    description: { name: 'log', kind: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get'] },
    async handle(request, resource, target) {
      const pod: PodView = resource.get(request.ctx, target.namespace, target.name).object;
      const options = readLogOptions(request.info.query, pod);
      const node = pod.spec?.nodeName;
      // A pod without a node has written nothing yet: no content, as kube-apiserver says.
      if (!node) return request.exchange.reply(204, '', '');
      checkStarted(pod, options);
      const awaySinceMs = connector.awaySinceMs(node);
      if (awaySinceMs !== undefined) return replyKept(request, connector, { node, awaySinceMs, pod, options });
      const { uid = '', name = '', namespace = '' } = pod.metadata ?? {};
      const over = new AbortController();
      request.exchange.signal.addEventListener('abort', () => over.abort(), { once: true });
      return copy(request, connector.logs(node, { namespace, name, uid }, options, over.signal), options, over);
    },
  };
}

interface Away {
  readonly node: string;
  readonly awaySinceMs: number;
  readonly pod: PodView;
  readonly options: LogOptions;
}

/** What the board sent before it went away, with a warning that says so. @throws StatusError Unavailable when that is nothing */
async function replyKept({ exchange }: ApiRequest, connector: NodeConnector, { node, awaySinceMs, pod, options }: Away): Promise<void> {
  const away = offlineWords(node, kubeTime(awaySinceMs));
  const containerId = failedContainer(pod, options);
  const kept = containerId && (await connector.keptLog(node, containerId, options));
  if (!kept) throw unavailable(away);
  const size = `last ${keptLogBytes / 1024} KiB`;
  setWarnings(exchange, [`${away}; these are the ${size} of ${options.container}'s log sent at ${kubeTime(kept.sentMs)}`]);
  const stream = exchange.stream(200, 'text/plain');
  stream.write(kept.text);
  stream.end();
}

/** The container whose log is asked for, if it has ended; of one that ran when its board was heard last there is nothing to keep. */
function failedContainer({ status }: PodView, { container, previous }: LogOptions): string | undefined {
  const { state, lastState } = statusOf(status, container) ?? {};
  if (previous || state?.waiting) return lastState?.terminated?.containerID;
  return state?.terminated?.containerID;
}

/** Errors that come before the first byte become a Status; later ones cut the answer. */
async function copy({ exchange }: ApiRequest, chunks: AsyncIterable<Buffer>, { follow }: LogOptions, over: AbortController): Promise<void> {
  let stream: AnswerStream | undefined;
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    stream = await answerTo(exchange, over);
    for (; !next.done; next = await iterator.next()) {
      stream.write(next.value);
      await stream.drained();
    }
    stream.end();
  } catch (error) {
    if (over.signal.aborted) return;
    if (!stream) throw error;
    if (follow) stream.end();
    else stream.destroy();
  } finally {
    await iterator.return?.();
  }
}

/** HTTP, or a WebSocket where the client asks for one (apiserver, `wsstream.Reader`), with an empty message to begin with. */
async function answerTo(exchange: Exchange, over: AbortController): Promise<AnswerStream> {
  const { upgrade } = exchange;
  if (upgrade?.protocol !== 'websocket') return exchange.stream(200, 'text/plain');
  const protocol = chosenProtocol(upgrade.subprotocols, readerProtocols);
  const answer = webSocketAnswer(await upgrade.webSocket(protocol), readerForm(protocol));
  answer.gone.addEventListener('abort', () => over.abort(), { once: true });
  answer.write(Buffer.alloc(0));
  return answer;
}

function readLogOptions(query: URLSearchParams, pod: PodView): LogOptions {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime') || undefined;
  const faults: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0) faults.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1) faults.push(invalid('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    faults.push({ type: 'FieldValueForbidden', field: '[]', detail: 'at most one of `sinceTime` or `sinceSeconds` may be specified' });
  }
  if (sinceSeconds !== undefined && sinceSeconds < 1) faults.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  if (faults.length > 0) throw invalidObject('PodLogOptions', '', pod.metadata?.name ?? '', faults);
  return {
    container: chosenContainer(pod, query.get('container') ?? ''),
    ...(isTrue(query.get('follow')) ? { follow: true } : {}),
    ...(isTrue(query.get('previous')) ? { previous: true } : {}),
    ...(isTrue(query.get('timestamps')) ? { timestamps: true } : {}),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

function statusOf(status: PodView['status'], container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(({ name }) => name === container);
}

/** What the kubelet says when there can be no log yet. @throws StatusError BadRequest */
function checkStarted(pod: PodView, { container, previous }: LogOptions): void {
  const status = statusOf(pod.status, container);
  const podName = pod.metadata?.name ?? '';
  const refuse = (why: string): never => {
    throw new StatusError(400, 'BadRequest', why);
  };
  const quoted = `container ${JSON.stringify(container)} in pod ${JSON.stringify(podName)}`;
  if (previous) {
    if (status && !status.lastState?.terminated) refuse(`previous terminated ${quoted} not found`);
    return;
  }
  const waiting = status?.state?.waiting;
  if (!status) refuse(`${quoted} is waiting to start: ContainerCreating`);
  // One that ran before still has its log while it waits for the next start.
  if (waiting && !status?.lastState?.terminated) {
    if (waiting.reason === 'ErrImagePull' || waiting.reason === 'ImagePullBackOff')
      refuse(`${quoted} is waiting to start: trying and failing to pull image`);
    refuse(`${quoted} is waiting to start: ${waiting.reason || 'no reason given'}`);
  }
}
