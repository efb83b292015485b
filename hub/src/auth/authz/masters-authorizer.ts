import { type Authorizer, allow, noOpinion } from './types.ts';

const allowed = allow();

/** `system:masters` may do all, whatever becomes of the roles. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }) => (user.groups.includes('system:masters') ? allowed : noOpinion),
};
