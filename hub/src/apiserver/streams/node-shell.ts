import { offlineWords } from '@flotilla/shared/api/offline.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest, unavailable } from '@flotilla/shared/errors/status.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { NodeShellRequest, NodeStream, Registry } from '#registry/generic/types.ts';
import type { ConnectResource } from '../endpoints.ts';
import type { ApiRequest } from '../exchange.ts';
import { isTrue } from '../request-info.ts';
import { brokenBy, isOpened, offerOf, type StreamDoors } from './pod-target.ts';
import { clientOf } from './remote-command.ts';
import { runCommand } from './run-command.ts';

/** Writes down what operators do on boards; never what they type. */
export type NodeEvents = (node: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface NodeShellParts extends StreamDoors {
  readonly registry: Registry;
  readonly events: NodeEvents;
}

/** `nodes/NAME/shell` of fleet.flotilla.dev: a shell of the board itself, spoken like `pods/exec`. ADR 008 says why it is no `nodes/proxy`. */
export function nodeShell({ registry, connector, clock, logger, events }: NodeShellParts): ConnectResource {
  return {
    ...{ group: 'fleet.flotilla.dev', version: 'v1alpha1', resource: 'nodes', subresource: 'shell', namespaced: false },
    kind: 'NodeShellOptions',
    verbs: ['create'],
    async handle(request, { name }) {
      const { ctx, info, exchange } = request;
      const node = registry.resource('', 'nodes').get(ctx, '', name).object;
      const offer = offerOf(request);
      const wanted = readOptions(info.query, ctx.user.name);
      const meet = clientOf({
        offer,
        request,
        wanted: { stdin: true, stdout: true, stderr: !wanted.tty, tty: wanted.tty },
        clock,
        broke: brokenBy(request, logger),
      });
      const awaySinceMs = connector.awaySinceMs(name);
      if (awaySinceMs !== undefined) throw unavailable(offlineWords(name, kubeTime(awaySinceMs)));
      const over = new AbortController();
      const end = (): void => over.abort();
      exchange.signal.addEventListener('abort', end, { once: true });
      try {
        const stream = connector.open(name, wanted, over.signal);
        stream.result.catch(() => {});
        if (!(await isAgreed(request, stream, node, events))) return;
        const client = await meet();
        client.gone.addEventListener('abort', end, { once: true });
        if (client.gone.aborted) return;
        const who = JSON.stringify(ctx.user.name);
        events(node, 'Normal', 'ShellOpened', `User ${who} opened a shell from ${exchange.remoteAddress}`);
        const beganMs = clock.monotonicMs();
        await runCommand({ client, stream, failure: 'error in the shell' });
        const seconds = Math.round((clock.monotonicMs() - beganMs) / 1000);
        const how = await outcome(stream, client.gone.aborted);
        events(node, 'Normal', 'ShellClosed', `The shell of user ${who} from ${exchange.remoteAddress} ended after ${seconds} s ${how}`);
      } finally {
        over.abort();
      }
    },
  };
}

/** Whether the board opens it; a refusal is told to the client, and kept. */
async function isAgreed(request: ApiRequest, stream: NodeStream, node: KubeObject, events: NodeEvents): Promise<boolean> {
  const { name } = request.ctx.user;
  stream.opened.catch((error: unknown) => {
    events(node, 'Warning', 'ShellRefused', `User ${JSON.stringify(name)} was refused a shell: ${describeError(error)}`);
  });
  return isOpened(request, stream);
}

async function outcome({ result }: NodeStream, gone: boolean): Promise<string> {
  try {
    return `with exit code ${(await result).exitCode ?? 'unknown'}`;
  } catch (error) {
    return gone ? 'when its operator went away' : `because of an error: ${describeError(error)}`;
  }
}

/** @throws StatusError BadRequest */
function readOptions(query: URLSearchParams, by: string): NodeShellRequest & { readonly tty: boolean } {
  const term = query.get('term') ?? '';
  if (term !== '' && !/^[A-Za-z0-9][-+.\w]{0,63}$/.test(term)) throw badRequest('term is no kind of terminal');
  return { kind: 'shell', by, tty: isTrue(query.get('tty')), ...(term === '' ? {} : { term }) };
}
