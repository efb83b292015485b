import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { until } from '../../harness/until.ts';
import type { History, Seen, WatchLog, Write } from './history.ts';

interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly body: KubeAnswer;
}

interface KubeAnswer {
  readonly kind?: string;
  readonly message?: string;
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly items?: readonly KubeAnswer[];
  readonly data?: { readonly value?: string };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly message?: string } | string;
}

const core = '/api/v1/namespaces/default';
/** What is recorded; keys begin with the resource. */
const resources = ['configmaps', 'pods'] as const;
type Resource = (typeof resources)[number];

/** The API of a hub that may die at any moment, with all that is done and seen written down. */
export class RecordedApi {
  readonly history: History;
  readonly #server: URL;
  readonly #agent: Agent;
  readonly #logs = new Map<Resource, WatchLog>();
  #watches: IncomingMessage[] = [];
  #markers = 0;
  #broken = '';

  constructor(kubeconfig: string, history: History) {
    const text = readFileSync(kubeconfig, 'utf8');
    const field = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '';
    const pem = (name: string): Buffer => Buffer.from(field(`${name}-data`), 'base64');
    this.history = history;
    this.#server = new URL(field('server'));
    const tls = { ca: pem('certificate-authority'), cert: pem('client-certificate'), key: pem('client-key') };
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64, ...tls });
  }

  /** What pods need and no controller makes here. Twice is fine. */
  async prepare(): Promise<void> {
    const { status, body } = await this.call('POST', `${core}/serviceaccounts`, { metadata: { name: 'default' } });
    if (status !== 201 && status !== 409) throw new Error(`no service account: ${status} ${body.message}`);
  }

  create(name: string, value: string, padding = ''): Promise<boolean> {
    const write = this.history.send(`configmaps/${name}`, value);
    return this.#write(write, 'POST', `${core}/configmaps`, { metadata: { name }, data: { value, padding } });
  }

  update(name: string, value: string, padding = ''): Promise<boolean> {
    const write = this.history.send(`configmaps/${name}`, value);
    return this.#write(write, 'PUT', `${core}/configmaps/${name}`, { metadata: { name }, data: { value, padding } });
  }

  remove(name: string): Promise<boolean> {
    return this.#write(this.history.send(`configmaps/${name}`, undefined), 'DELETE', `${core}/configmaps/${name}`);
  }

  /** A pod that no scheduler looks at. */
  createPod(name: string): Promise<boolean> {
    const spec = { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none' }] };
    return this.#write(this.history.send(`pods/${name}`, podValue()), 'POST', `${core}/pods`, { metadata: { name }, spec });
  }

  bind(name: string, node: string): Promise<boolean> {
    const write = this.history.send(`pods/${name}`, podValue(node));
    return this.#write(write, 'POST', `${core}/pods/${name}/binding`, { metadata: { name }, target: { kind: 'Node', name: node } });
  }

  /** The status of a bound pod. */
  report(name: string, node: string, message: string): Promise<boolean> {
    const write = this.history.send(`pods/${name}`, podValue(node, message));
    const patch = { status: { message } };
    return this.#write(write, 'PATCH', `${core}/pods/${name}/status`, patch, 'application/merge-patch+json');
  }

  /** Begins to watch, or goes on where the watches broke off. */
  async watch(): Promise<void> {
    this.#unwatch();
    for (const resource of resources) {
      let log = this.#logs.get(resource);
      if (!log) {
        log = this.history.watch(`${resource}/`, await this.#listed(resource));
        this.#logs.set(resource, log);
      }
      this.#watches.push(await this.#follow(resource, log));
    }
  }

  /** Reads everything, and waits until the watches have told all there is: their history can be judged then. */
  async settle(): Promise<void> {
    const marker = `marker-${this.#markers++}`;
    if (!(await this.create(marker, marker)) || !(await this.createPod(marker))) throw new Error('the hub takes no writes');
    for (const resource of resources) {
      const { acknowledged, revision = 0 } = this.history.writes.findLast(({ key }) => key === `${resource}/${marker}`) as Write;
      const log = this.#logs.get(resource);
      await until(`the watch of ${resource} has told all up to ${revision} (${acknowledged})`, () => {
        if (this.#broken) throw new Error(this.#broken);
        return log === undefined || (log.events.at(-1)?.revision ?? 0) >= revision;
      });
      await this.#listed(resource);
    }
  }

  close(): void {
    this.#unwatch();
    this.#agent.destroy();
  }

  async call(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer> {
    try {
      const response = await this.#open(method, path, body, contentType);
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      return { status: response.statusCode ?? 0, body: JSON.parse(text) as KubeAnswer };
    } catch {
      return { status: 0, body: {} };
    }
  }

  /** Whether it was acknowledged. */
  async #write(write: Write, method: string, path: string, body?: unknown, contentType?: string): Promise<boolean> {
    const { status, body: answer } = await this.call(method, path, body, contentType);
    if (status >= 200 && status < 300) {
      const revision = answer.kind === 'Status' || write.value === undefined ? undefined : Number(answer.metadata?.resourceVersion);
      this.history.acknowledge(write, revision);
      return true;
    }
    write.refused = status >= 400 && status < 500;
    return false;
  }

  async #listed(resource: Resource): Promise<number> {
    const asked = this.history.tick();
    const { status, body } = await this.call('GET', `${core}/${resource}`);
    if (status !== 200) throw new Error(`${resource} cannot be listed: ${status} ${body.message}`);
    const revision = Number(body.metadata?.resourceVersion);
    const items = (body.items ?? []).map((item) => seen(resource, item));
    this.history.readings.push({ prefix: `${resource}/`, asked, answered: this.history.tick(), revision, items });
    return revision;
  }

  async #follow(resource: Resource, log: WatchLog): Promise<IncomingMessage> {
    const from = log.events.at(-1)?.revision ?? log.from;
    const response = await this.#open('GET', `${core}/${resource}?watch=true&resourceVersion=${from}`);
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: KubeAnswer };
        if (type === 'ERROR') {
          this.#broken = `a watch of ${resource} from ${from} ended: ${object.message}`;
          continue;
        }
        const event = seen(resource, object);
        log.events.push(type === 'DELETED' ? { ...event, value: undefined } : event);
      }
    });
    response.on('error', () => {});
    return response;
  }

  #unwatch(): void {
    for (const watch of this.#watches) watch.destroy();
    this.#watches = [];
  }

  #open(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = payload === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) };
      const { hostname: host, port } = this.#server;
      const call = request({ host, port, agent: this.#agent, method, path, headers: { accept: 'application/json', ...headers } });
      call.on('error', reject);
      call.on('response', resolve);
      call.end(payload);
    });
  }
}

const podValue = (node = '', message = ''): string => `${node}|${message}`;

function seen(resource: Resource, { metadata, data, spec, status }: KubeAnswer): Seen {
  const message = typeof status === 'object' ? status.message : undefined;
  return {
    key: `${resource}/${metadata?.name}`,
    value: resource === 'pods' ? podValue(spec?.nodeName, message) : (data?.value ?? ''),
    revision: Number(metadata?.resourceVersion),
  };
}
