import type { RequestContext } from '#registry/generic/types.ts';

/** The hub itself, making objects again what they were. */
export const recoveryContext: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  userAgent: 'flotilla-recovery',
  recovered: true,
  warn: () => {},
};
