import type { LinkHandlers } from './types.ts';

/** A board that takes nothing over and has nothing to show, for tests: they put in what they look at. */
export const idleHandlers: LinkHandlers = {
  manifest: async () => ({ applied: false, wants: [] }),
  objects: async () => ({ applied: false, wants: [] }),
  applied: () => undefined,
  connected: () => {},
  disconnected: () => {},
  logs: async function* () {},
};
