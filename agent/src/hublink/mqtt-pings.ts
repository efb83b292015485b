import type { MqttClient } from 'mqtt';
import type { LinkMeter } from './types.ts';

interface PingWatch {
  /** Resolves when all that was sent before has reached the broker: it answers pings in order. */
  readonly arrived: () => Promise<void>;
  /** The connection is over. */
  end(): void;
}

/** PINGREQ and PINGRESP have two bytes. */
const pingBytes = 2;

/** Sees the pings of a connection: those that mqtt.js sends on a silent line, and those asked for here. */
export function watchPings(
  client: MqttClient,
  options: { readonly meter: Pick<LinkMeter, 'ping'> | undefined; readonly pinged: (idleMs: number) => void },
): PingWatch {
  /** Pings on their way, the oldest first. */
  const sent: { readonly idleMs: number; arrived?: () => void }[] = [];
  let asked: (() => void) | undefined;
  let lastMs = performance.now();
  client.on('packetsend', ({ cmd }) => {
    const nowMs = performance.now();
    if (cmd === 'pingreq') {
      options.meter?.ping('up', pingBytes);
      sent.push({ idleMs: nowMs - lastMs, ...(asked ? { arrived: asked } : {}) });
      asked = undefined;
    }
    lastMs = nowMs;
  });
  client.on('packetreceive', ({ cmd }) => {
    lastMs = performance.now();
    if (cmd !== 'pingresp') return;
    options.meter?.ping('down', pingBytes);
    const ping = sent.shift();
    if (!ping) return;
    if (ping.arrived) ping.arrived();
    else options.pinged(ping.idleMs);
  });
  return {
    arrived: () =>
      new Promise((resolve) => {
        asked = resolve;
        client.sendPing();
      }),
    end: () => void sent.splice(0),
  };
}
