import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { NodeStreamRequest } from '#registry/generic/types.ts';
import { chosenContainer } from '../chosen-container.ts';
import type { SpecialSubresource } from '../endpoints.ts';
import type { ApiRequest, UpgradeOffer } from '../exchange.ts';
import { isTrue } from '../request-info.ts';
import type { CommandClient } from './command-client.ts';
import { brokenBy, findPod, isOpened, offerOf, type PodTarget, podOf, type StreamDoors } from './pod-target.ts';
import { runCommand } from './run-command.ts';
import { spdyCommand } from './spdy-command.ts';
import { chosenProtocol } from './sub-protocols.ts';
import { commandProtocols, WebSocketCommand } from './web-socket-command.ts';

type CommandRequest = Extract<NodeStreamRequest, { kind: 'exec' | 'attach' }>;

/** `pods/exec` (registry/core/pod/rest, `ExecREST`; the kubelet's `/exec`): a program in a running container. */
export function execSubresource(doors: StreamDoors): SpecialSubresource {
  return commandSubresource({ ...doors, name: 'exec', kind: 'PodExecOptions', failure: 'error executing command in container' });
}

/** `pods/attach`: the container's own process. */
export function attachSubresource(doors: StreamDoors): SpecialSubresource {
  return commandSubresource({ ...doors, name: 'attach', kind: 'PodAttachOptions', failure: 'error attaching to container' });
}

interface CommandParts extends StreamDoors {
  readonly name: 'exec' | 'attach';
  readonly kind: string;
  readonly failure: string;
}

function commandSubresource({ connector, clock, logger, name, kind, failure }: CommandParts): SpecialSubresource {
  return {
    group: '',
    resource: 'pods',
    description: { name, kind: { group: '', version: 'v1', kind }, verbs: ['create', 'get'] },
    async handle(request, resource, target) {
      const pod = findPod(request, resource, target);
      const container = chosenContainer(pod, request.info.query.get('container') ?? '');
      const there = podOf(connector, pod);
      const offer = offerOf(request);
      const wanted = readOptions(name, request, there, container);
      const meet = clientOf({ offer, request, wanted, clock, broke: brokenBy(request, logger) });
      const over = new AbortController();
      const { signal } = request.exchange;
      signal.addEventListener('abort', () => over.abort(), { once: true });
      try {
        const stream = connector.open(there.node, wanted, over.signal);
        stream.result.catch(() => {});
        if (!(await isOpened(request, stream))) return;
        const client = await meet();
        client.gone.addEventListener('abort', () => over.abort(), { once: true });
        if (client.gone.aborted) return;
        await runCommand({ client, stream, failure });
      } finally {
        over.abort();
      }
    },
  };
}

interface Meeting {
  readonly offer: UpgradeOffer;
  readonly request: ApiRequest;
  readonly wanted: Pick<CommandRequest, 'stdin' | 'stdout' | 'stderr' | 'tty'>;
  readonly clock: Clock;
  readonly broke: (why: string) => void;
}

/** How to meet the client once the board has agreed. @throws StatusError BadRequest when it asks for something that is not served */
export function clientOf({ offer, request, wanted, clock, broke }: Meeting): () => Promise<CommandClient> {
  if (offer.protocol === 'websocket') {
    const protocol = chosenProtocol(offer.subprotocols, commandProtocols);
    const { stdin, stdout } = wanted;
    return async () => new WebSocketCommand({ socket: await offer.webSocket(protocol), protocol, stdin, stdout, clock, broke });
  }
  const versions = request.exchange.header('x-stream-protocol-version');
  if (offer.protocol === 'spdy/3.1') return spdyCommand({ offer, versions, wanted, clock, broke });
  throw badRequest(`unable to upgrade: unsupported protocol ${JSON.stringify(offer.protocol)}`);
}

/** `PodExecOptions` or `PodAttachOptions`. @throws StatusError BadRequest in the kubelet's words */
function readOptions(kind: 'exec' | 'attach', { info }: ApiRequest, { reference: pod }: PodTarget, container: string): CommandRequest {
  const { query } = info;
  const [stdin, stdout, tty] = [isTrue(query.get('stdin')), isTrue(query.get('stdout')), isTrue(query.get('tty'))];
  // A terminal has one output.
  const stderr = isTrue(query.get('stderr')) && !tty;
  if (!stdin && !stdout && !stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  const common = { pod, container, stdin, stdout, stderr, tty };
  if (kind === 'attach') return { kind, ...common };
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least one command for the container');
  return { kind, command, ...common };
}
