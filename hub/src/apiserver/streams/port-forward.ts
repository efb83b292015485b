import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import { createWebSocketStream } from 'ws';
import type { SpecialSubresource } from '../endpoints.ts';
import type { ApiRequest } from '../exchange.ts';
import { type ForwardClient, forwardPort } from './forward-port.ts';
import { brokenBy, findPod, offerOf, podOf, type StreamDoors } from './pod-target.ts';
import { chosenVersion } from './spdy-command.ts';
import { spdyForward } from './spdy-forward.ts';
import { chosenProtocol } from './sub-protocols.ts';
import { forwardProtocols, webSocketForward } from './web-socket-forward.ts';

const spdyVersion = 'portforward.k8s.io';
/** SPDY inside the messages of a WebSocket: what kubectl speaks from 1.31 on (KEP-4006). */
const tunnelProtocol = `SPDY/3.1+${spdyVersion}`;
const maxPorts = 64;

interface Carrier {
  readonly clock: Clock;
  readonly connected: (port: number, client: ForwardClient, signal: AbortSignal) => Promise<void>;
  readonly broke: (why: string) => void;
}

/** `pods/portforward` (registry/core/pod/rest, `PortForwardREST`; the kubelet's `/portForward`): connections to ports of a pod. */
export function portForwardSubresource({ connector, clock, logger }: StreamDoors): SpecialSubresource {
  return {
    group: '',
    resource: 'pods',
    description: { name: 'portforward', kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' }, verbs: ['create', 'get'] },
    handle(request, resource, target) {
      const there = podOf(connector, findPod(request, resource, target));
      return serve(request, {
        clock,
        connected: (port, client, signal) => forwardPort({ connector, target: there, port, client, signal }),
        broke: brokenBy(request, logger),
      });
    },
  };
}

async function serve(request: ApiRequest, carrier: Carrier): Promise<void> {
  const offer = offerOf(request);
  if (offer.protocol === 'spdy/3.1') {
    const version = chosenVersion(request.exchange.header('x-stream-protocol-version'), [spdyVersion]);
    const socket = offer.accept({ Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': version });
    return spdyForward({ socket, ...carrier });
  }
  if (offer.protocol !== 'websocket') throw badRequest(`unable to upgrade: unsupported protocol ${JSON.stringify(offer.protocol)}`);
  const protocol = chosenProtocol(offer.subprotocols, [tunnelProtocol, ...forwardProtocols]);
  if (protocol === tunnelProtocol) {
    return spdyForward({ socket: createWebSocketStream(await offer.webSocket(protocol)), ...carrier });
  }
  const ports = readPorts(request.info.query);
  return webSocketForward({ socket: await offer.webSocket(protocol), protocol, ports, ...carrier });
}

/** Each port once or more. @throws StatusError BadRequest */
function readPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw badRequest('query parameter "port" is required');
  if (texts.length > maxPorts) throw badRequest(`at most ${maxPorts} ports can be forwarded over one connection`);
  return texts.map((text) => {
    const port = Number(text);
    if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}: must be from 1 to 65535`);
    return port;
  });
}
