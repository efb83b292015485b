import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { decodeMessage, readEnvelope } from '@flotilla/hub/apiserver/protobuf/decode-protobuf.js';
import type { Answer, Case, Json, Kept, Topic } from './exchange.ts';
import { Normaliser } from './normalise.ts';

/** An API server and who asks it. */
export interface Server {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How long a stream is read for the events it shall hold: only a server that does not send them takes that long. */
const streamMs = 120_000;

/** The answers of a server to a topic, one after the other. */
export async function ask(server: Server, { cases }: Topic): Promise<Map<string, Answer>> {
  const agent = new Agent({ keepAlive: true, ca: server.ca, cert: server.cert, key: server.key });
  const normaliser = new Normaliser();
  const kept: Record<string, Json> = {};
  const answers = new Map<string, Answer>();
  try {
    for (const one of cases) {
      normaliser.begin(one.name);
      const response = await send(server, agent, one, kept);
      const text = one.events === undefined ? await readAll(response) : await readEvents(response, one.events);
      const value = parse(text);
      for (const [word, pointer] of Object.entries(one.keep ?? {})) kept[word] = at(value ?? null, pointer);
      answers.set(one.name, answerOf(response, one, text, value, normaliser));
    }
  } finally {
    agent.destroy();
  }
  return answers;
}

function send(server: Server, agent: Agent, one: Case, kept: Kept): Promise<IncomingMessage> {
  const body = bodyOf(one, kept);
  const headers = {
    accept: 'application/json',
    'user-agent': 'conformance/1',
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...one.headers,
  };
  return new Promise((resolve, reject) => {
    const asked = request(new URL(fill(one.path, kept), server.url), { method: one.method, headers, agent }, resolve);
    asked.once('error', reject);
    asked.end(body);
  });
}

function bodyOf({ body }: Case, kept: Kept): string | Uint8Array | undefined {
  const given = typeof body === 'function' ? body(kept) : body;
  if (given === undefined || given instanceof Uint8Array) return given;
  return fill(typeof given === 'string' ? given : JSON.stringify(given), kept);
}

const fill = (text: string, kept: Kept): string =>
  text.replace(/\{(\w+)\}/g, (all, word: string) => (typeof kept[word] === 'string' ? kept[word] : all));

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  if (response.headers['content-type'] !== 'application/vnd.kubernetes.protobuf') return body.toString();
  return JSON.stringify(decodeMessage(readEnvelope(body)) ?? null);
}

/** The lines of a stream, until there are enough of them. */
function readEvents(response: IncomingMessage, events: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (last = ''): void => {
      clearTimeout(timer);
      response.removeAllListeners('end');
      response.destroy();
      resolve(text + last);
    };
    const timer = setTimeout(() => done('"the events did not come in time"\n'), streamMs);
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const enough = text.split('\n').slice(0, -1);
      if (enough.length < events) return;
      text = `${enough.slice(0, events).join('\n')}\n`;
      done();
    });
    response.on('end', () => done());
    response.on('error', () => done());
  });
}

/** Undefined when the text is not one JSON value. */
function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function answerOf(response: IncomingMessage, one: Case, text: string, value: Json | undefined, normaliser: Normaliser): Answer {
  const line = (each: string): Json => {
    const parsed = parse(each);
    return parsed === undefined ? normaliser.text(each) : normaliser.json(parsed);
  };
  const isWhole = one.events === undefined || (value as { kind?: string } | undefined)?.kind === 'Status';
  const body = isWhole && value !== undefined ? normaliser.json(value) : text.split('\n').filter(Boolean).map(line);
  const warnings = values(response, 'warning').map((warning) => normaliser.text(warning));
  const headers = Object.fromEntries(['allow', 'location', 'retry-after'].flatMap((name) => values(response, name).map((v) => [name, v])));
  return {
    status: response.statusCode ?? 0,
    type: response.headers['content-type'] ?? '',
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    body,
  };
}

function values({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.flatMap((header, index) => (index % 2 === 0 && header.toLowerCase() === name ? [rawHeaders[index + 1] ?? ''] : []));
}

function at(value: Json, pointer: string): Json {
  let found: Json | undefined = value;
  for (const step of pointer.split('/').slice(1)) {
    if (typeof found !== 'object' || found === null) return null;
    found = (found as Record<string, Json>)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return found ?? null;
}
