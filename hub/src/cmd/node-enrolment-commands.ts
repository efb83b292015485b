import type { Node, Pod, PodList } from '@flotilla/shared/api/generated/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { isConflict, isNotFound, StatusError } from '@flotilla/shared/errors/status.js';
import { textTable } from '@flotilla/shared/platform/text-table.js';
import { enrolmentPath, type ShownWaitingBoard } from '#nodesync/enrol/enrolment-routes.ts';
import { type ApiClient, apiClient } from './api-client.ts';
import { confirmed } from './confirmed.ts';
import { parseDuration } from './parse.ts';

interface Reach {
  readonly kubeconfig?: string;
}

interface Decision {
  readonly node: string;
  readonly fingerprint?: string;
}

export interface ChoiceOptions extends Reach {
  readonly fingerprint?: string;
}

export interface RetireOptions extends Reach {
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly timeout: string;
}

/** Boards that wait for an operator, the longest waiting first. */
export async function pendingCommand({ kubeconfig, json = false }: Reach & { readonly json?: boolean }): Promise<void> {
  const { items } = await apiClient(kubeconfig).get<{ readonly items: readonly ShownWaitingBoard[] }>(enrolmentPath);
  if (json) process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  else if (items.length === 0) process.stdout.write('no board waits\n');
  else process.stdout.write(pendingText(items, new SystemClock().wallMs()));
}

/** What `flotilla node pending` shows: the whole fingerprint, since that is what is compared with the board's own word. */
export function pendingText(items: readonly ShownWaitingBoard[], nowMs: number): string {
  const rows = items.map(({ node, fingerprint, serial, address, sinceMs, kind, enrolled, deniedBy }) => [
    node,
    fingerprint,
    serial || '-',
    address || '-',
    ageText(nowMs - sinceMs),
    deniedBy !== '' ? 'Denied' : kind === 'moved' ? 'PendingRebind' : enrolled === undefined ? 'Pending' : 'Pending,NameTaken',
  ]);
  return textTable([['NAME', 'FINGERPRINT', 'SERIAL', 'FROM', 'AGE', 'CONDITION'], ...rows]);
}

export async function approveCommand(node: string, options: ChoiceOptions & { readonly takeOver?: boolean }): Promise<void> {
  const { fingerprint, takeOver = false, kubeconfig } = options;
  const done = await apiClient(kubeconfig).post<object, Decision>(`${enrolmentPath}/approve`, { node, takeOver, ...named(fingerprint) });
  process.stdout.write(`node ${done.node} approved (${done.fingerprint})\n`);
}

export async function denyCommand(node: string, { fingerprint, kubeconfig }: ChoiceOptions): Promise<void> {
  const done = await apiClient(kubeconfig).post<object, Decision>(`${enrolmentPath}/deny`, { node, ...named(fingerprint) });
  process.stdout.write(`node ${done.node} denied (${done.fingerprint})\n`);
}

/** The board of `node` takes the place of `old`: its name, its labels, its pods. */
export async function replaceCommand(
  old: string,
  node: string,
  { fingerprint, kubeconfig, yes = false }: ChoiceOptions & { readonly yes?: boolean },
): Promise<void> {
  const api = apiClient(kubeconfig);
  process.stdout.write(
    `The board of ${node} becomes node ${old}, with its labels and its pods; the key of the board that was ${old} is revoked.\n` +
      'Do it only when that board is switched off, or cut off for good from all that its pods act on.\n',
  );
  if (!yes && !(await confirmed(`Replace ${old}?`))) throw new Error('nothing was done');
  const done = await api.post<object, Decision>(`${enrolmentPath}/replace`, { node, old, ...named(fingerprint) });
  process.stdout.write(`node ${done.node} replaced (${done.fingerprint})\n`);
}

/** Drains the node, revokes its key and removes its objects. @throws Error when pods stay longer than they may */
export async function retireCommand(node: string, { kubeconfig, yes = false, force = false, timeout }: RetireOptions): Promise<void> {
  const timeoutMs = parseDuration('--timeout', timeout);
  const api = apiClient(kubeconfig);
  const path = `/api/v1/nodes/${encodeURIComponent(node)}`;
  const object = await api.get<Node>(path).catch(unlessGone);
  process.stdout.write(
    `Node ${node} is drained, its key revoked, its objects removed. To come back its board needs a new token and a new key.\n`,
  );
  if (!yes && !(await confirmed(`Retire ${node}?`))) throw new Error('nothing was done');
  if (object) {
    await cordon(api, path);
    await drain(api, node, { force, timeoutMs });
  }
  await api.post<object, Decision>(`${enrolmentPath}/retire`, { node });
  process.stdout.write(`node ${node} retired\n`);
}

const named = (fingerprint: string | undefined): { readonly fingerprint?: string } => (fingerprint === undefined ? {} : { fingerprint });
const unlessGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
  return undefined;
};
const attempts = 5;
const lookMs = 500;

async function cordon(api: ApiClient, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const node = await api.get<Node>(path);
    if (node.spec?.unschedulable) return;
    try {
      await api.put(path, { ...node, spec: { ...node.spec, unschedulable: true } });
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === attempts) throw error;
    }
  }
}

/** Evicts, as `kubectl drain` does, and waits until the board has stopped them; `force` deletes without its word. */
async function drain(
  api: ApiClient,
  node: string,
  { force, timeoutMs }: { readonly force: boolean; readonly timeoutMs: number },
): Promise<void> {
  const clock = new SystemClock();
  const untilMs = clock.monotonicMs() + timeoutMs;
  const selector = encodeURIComponent(`spec.nodeName=${node}`);
  const asked = new Set<string>();
  for (let looks = 0; ; looks++) {
    const pods = ((await api.get<PodList>(`/api/v1/pods?fieldSelector=${selector}`)).items ?? []).filter(
      ({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
    );
    if (pods.length === 0) return;
    if (looks > 0 && clock.monotonicMs() > untilMs) {
      const names = pods.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`).join(', ');
      throw new Error(`${pods.length} pods are still on node ${node} (${names}); if its board is switched off for good, say --force`);
    }
    for (const pod of pods) await putOut(api, pod, { force, asked });
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

async function putOut(
  api: ApiClient,
  { metadata }: Pod,
  { force, asked }: { readonly force: boolean; readonly asked: Set<string> },
): Promise<void> {
  const { namespace = '', name = '', uid = '' } = metadata ?? {};
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
  if (asked.has(uid)) return;
  try {
    if (force) await api.delete(path, { gracePeriodSeconds: 0, preconditions: { uid } });
    else
      await api.post(`${path}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace, name },
        deleteOptions: { preconditions: { uid } },
      });
    asked.add(uid);
  } catch (error) {
    // A disruption budget says not now; the next round asks again.
    const later = error instanceof StatusError && error.code === 429;
    if (!later && !isNotFound(error) && !isConflict(error)) throw error;
  }
}

function ageText(ms: number): string {
  const [seconds, minutes, hours] = [Math.floor(ms / 1000), Math.floor(ms / 60_000), Math.floor(ms / 3_600_000)];
  if (minutes < 2) return `${Math.max(0, seconds)}s`;
  if (hours < 3) return `${minutes}m`;
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
