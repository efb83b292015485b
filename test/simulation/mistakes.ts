import type { LinkHandlers } from '@flotilla/agent/hublink/types.js';
import { compareGenerations, type Generation } from '@flotilla/shared/protocol/messages.js';
import type { FleetOptions } from './fleet.ts';
import type { SimulatedBoard } from './simulated-board.ts';

/** Mistakes that an ordeal must notice, planted from outside: the code under test has no switch for them. */

type Handlers = (board: SimulatedBoard, handlers: LinkHandlers) => LinkHandlers;

/** Puts mistaken handlers below those that look on. */
function below(options: FleetOptions, mistaken: Handlers): FleetOptions {
  const above = options.hooks?.handlers ?? ((_board, handlers) => handlers);
  return { ...options, hooks: { ...options.hooks, handlers: (board, handlers) => above(board, mistaken(board, handlers)) } };
}

/** Boards take over whatever manifest comes last, however old it is, as one that is complete. */
export function staleGenerationApplied(options: FleetOptions): FleetOptions {
  const believed = new Map<string, Generation>();
  const contents = new Map<string, ReadonlyMap<string, string | null>>();
  const objects = new Map<string, string>();
  return below(options, ({ node }, handlers) => ({
    ...handlers,
    applied: () => believed.get(node) ?? handlers.applied(),
    manifest: async (update) => {
      const { base, entries, generation } = update;
      for (const [digest, text] of update.objects) objects.set(digest, text);
      contents.set(`${node} ${generation.digest}`, new Map([...(contents.get(`${node} ${base}`) ?? []), ...entries]));
      const inHand = handlers.applied();
      const stale = inHand && compareGenerations(generation, believed.get(node) ?? inHand) < 0;
      if (!stale) {
        believed.delete(node);
        return handlers.manifest(update);
      }
      const { base: _base, ...rest } = update;
      const whole = new Map([...(contents.get(`${node} ${generation.digest}`) ?? [])].filter(([, digest]) => digest !== null));
      const outcome = await handlers.manifest({ ...rest, entries: whole, objects, generation: { ...generation, ...above(inHand) } });
      if (outcome.applied) believed.set(node, generation);
      return outcome;
    },
  }));
}

function above({ epoch, revision }: Generation): Pick<Generation, 'epoch' | 'revision'> {
  return { epoch, revision: revision + 1 };
}

/** The hub ends whatever session a node has when an old one's timeout comes. */
export function oldTimeoutEndsNewSession(options: FleetOptions): FleetOptions {
  return { ...options, network: { ...options.network, lateTimeoutEndsAny: true } };
}

/** A board that starts clears away the containers that it finds, as if nobody wanted them. */
export function adoptedPodCollected(options: FleetOptions): FleetOptions {
  return below(options, ({ runtime }, handlers) => {
    for (const { container } of runtime.containers()) void runtime.removeContainer(container.id);
    return handlers;
  });
}

/** Boards say what happened to them anew, under another number, when a session begins. */
export function eventsToldTwice(options: FleetOptions): FleetOptions {
  const hooks = options.hooks ?? {};
  return {
    ...options,
    hooks: {
      ...hooks,
      link: (board, link) => {
        const report = link.report.bind(link);
        // Below those that count: they see each event once.
        link.report = (sent) => report({ ...sent, events: sent.events.flatMap((event) => [event, { ...event, id: `${event.id}-again` }]) });
        return hooks.link?.(board, link) ?? link;
      },
    },
  };
}
