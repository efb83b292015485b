import type { Container } from '@flotilla/shared/api/generated/types.js';
import { type ImageState, RuntimeError } from '#runtime/types.ts';
import { containerEvent, formatDelay, isPassing, messageOf, type StepContext } from './executors.ts';
import { containerMemory, retryAfter } from './pod-memory.ts';
import { containerHash, findContainer, pullPolicyOf } from './pod-rules.ts';
import { registryAuth } from './registry-auth.ts';

/** Finds the image on the board, or begins to pull it; the worker is woken when the pull ended. */
export async function ensureImage(name: string, context: StepContext): Promise<boolean> {
  const { doors, entry, pod } = context;
  const container = pod && findContainer(pod, name);
  if (!container) return false;
  const memory = containerMemory(entry.memory, name);
  const reference = container.image ?? '';
  const policy = pullPolicyOf(container);
  try {
    const found = policy === 'Always' ? undefined : await doors.images.image(reference);
    if (found) {
      memory.image = { state: 'ready', id: found.id, user: found.user ?? '' };
      const message = `Container image ${JSON.stringify(reference)} already present on machine`;
      containerEvent(doors, entry, name, { type: 'Normal', reason: 'Pulled', message });
      return true;
    }
  } catch (error) {
    if (isPassing(error)) throw error;
    failed(context, name, reference, error);
    return false;
  }
  if (policy === 'Always' && !doors.online() && (await useImageOfBefore(context, name, container, 'this board is offline'))) return true;
  if (policy === 'Never') {
    const message = `Container image ${JSON.stringify(reference)} is not present with pull policy of Never`;
    memory.waiting = { reason: 'ErrImageNeverPull', message };
    memory.image = failure(context, memory.pullFailures++, true);
    containerEvent(doors, entry, name, { type: 'Warning', reason: 'ErrImageNeverPull', message });
    containerEvent(doors, entry, name, { type: 'Warning', reason: 'Failed', message: 'Error: ErrImageNeverPull' });
    return false;
  }
  const cancel = new AbortController();
  memory.image = { state: 'pulling', cancel };
  containerEvent(doors, entry, name, { type: 'Normal', reason: 'Pulling', message: `Pulling image ${JSON.stringify(reference)}` });
  void pull(context, name, reference, AbortSignal.any([cancel.signal, context.signal]), cancel);
  return true;
}

async function pull(context: StepContext, name: string, reference: string, signal: AbortSignal, cancel: AbortController): Promise<void> {
  const { doors, entry, pod } = context;
  const memory = containerMemory(entry.memory, name);
  const beganMs = doors.clock.monotonicMs();
  const current = (): boolean => memory.image?.state === 'pulling' && memory.image.cancel === cancel;
  try {
    const auth = pod && registryAuth(pod, reference, doors.spec);
    const image = await doors.images.pullImage(reference, auth, signal);
    if (!current()) return;
    pulled(context, name, reference, image, doors.clock.monotonicMs() - beganMs);
  } catch (error) {
    if (!current() || signal.aborted) return;
    const container = pod && findContainer(pod, name);
    const unreachable = error instanceof RuntimeError && error.reason === 'ErrImagePull' && !isAnswer.test(error.message);
    const instead = unreachable && container && (await useImageOfBefore(context, name, container, 'its registry cannot be reached'));
    if (!instead) failed(context, name, reference, error);
  } finally {
    context.wake();
  }
}

/** The registry was there, and would not give the image. */
const isAnswer = /unauthorized|denied|forbidden|manifest unknown|name unknown|not found|toomanyrequests|status(?: code)?:? 4\d\d/i;

/**
 * A container that ran before, and is to be started again without its registry, gets the very image it ran with: that a board is offline
 * keeps no pod from coming back. False when it never ran here, is another one now, or its image is gone.
 */
async function useImageOfBefore({ doors, entry }: StepContext, name: string, container: Container, why: string): Promise<boolean> {
  const record = entry.record.containers[name];
  if (!record?.imageId || record.hash !== containerHash(container)) return false;
  const found = await doors.images.image(record.imageId).catch(() => undefined);
  if (!found) return false;
  const memory = containerMemory(entry.memory, name);
  memory.image = { state: 'ready', id: found.id, user: found.user ?? '' };
  const image = JSON.stringify(container.image);
  const message = `Container image ${image} was not pulled, because ${why}: the image that this pod ran with before is used`;
  containerEvent(doors, entry, name, { type: 'Warning', reason: 'ImageNotChecked', message });
  return true;
}

function pulled({ doors, entry }: StepContext, name: string, reference: string, image: ImageState, tookMs: number): void {
  const memory = containerMemory(entry.memory, name);
  memory.image = { state: 'ready', id: image.id, user: image.user ?? '' };
  memory.pullFailures = 0;
  const took = tookMs < 1000 ? `${Math.round(tookMs)}ms` : `${(tookMs / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
  const message = `Successfully pulled image ${JSON.stringify(reference)} in ${took} (${took} including waiting). Image size: ${image.bytes} bytes.`;
  containerEvent(doors, entry, name, { type: 'Normal', reason: 'Pulled', message });
}

function failed(context: StepContext, name: string, reference: string, error: unknown): void {
  const { doors, entry } = context;
  const memory = containerMemory(entry.memory, name);
  const reason = error instanceof RuntimeError && error.reason === 'InvalidImageName' ? 'InvalidImageName' : 'ErrImagePull';
  memory.image = failure(context, memory.pullFailures++, reason === 'InvalidImageName');
  const text = messageOf(error);
  memory.waiting = {
    reason,
    message: reason === 'InvalidImageName' ? `Failed to apply default image tag ${JSON.stringify(reference)}: ${text}` : text,
  };
  const message = reason === 'InvalidImageName' ? memory.waiting.message : `Failed to pull image ${JSON.stringify(reference)}: ${text}`;
  containerEvent(doors, entry, name, { type: 'Warning', reason: reason === 'InvalidImageName' ? 'InspectFailed' : 'Failed', message });
  containerEvent(doors, entry, name, { type: 'Warning', reason: 'Failed', message: `Error: ${reason}` });
}

function failure(
  { doors }: StepContext,
  failures: number,
  noted: boolean,
): { state: 'failed'; failedAtMs: number; retryAtMs: number; noted: boolean } {
  const nowMs = doors.clock.monotonicMs();
  return { state: 'failed', failedAtMs: nowMs, retryAtMs: nowMs + retryAfter(failures, 10_000, 300_000), noted };
}

/** Some seconds after it failed, a pull that waits for its next try shows as ImagePullBackOff. */
export async function noteImageBackOff(name: string, { doors, entry, pod }: StepContext): Promise<boolean> {
  const memory = containerMemory(entry.memory, name);
  if (memory.image?.state !== 'failed') return true;
  memory.image = { ...memory.image, noted: true };
  const before = memory.waiting;
  const reference = (pod && findContainer(pod, name)?.image) ?? '';
  const message = `Back-off pulling image ${JSON.stringify(reference)}`;
  memory.waiting = { reason: 'ImagePullBackOff', message: before ? `${message}: ${before.reason}: ${before.message}` : message };
  containerEvent(doors, entry, name, { type: 'Normal', reason: 'BackOff', message });
  containerEvent(doors, entry, name, { type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' });
  doors.logger.debug('waiting to pull again', { image: reference, after: formatDelay(memory.image.retryAtMs - memory.image.failedAtMs) });
  return true;
}
