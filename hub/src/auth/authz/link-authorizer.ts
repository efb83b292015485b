import { type Authorizer, allow, noOpinion } from './types.ts';

const userPrefix = 'system:node:';
const allowed = allow();

/** What the link writes for a board: resources, subresources and verbs. */
const reported: ReadonlySet<string> = new Set([
  'create nodes',
  'update nodes',
  'update nodes/status',
  'update pods/status',
  'delete pods',
  'create events',
  'update events',
  'update nodeoperations/status',
]);

/**
 * In process only: what a board says over its link is written in its name, and that is more than its certificate may ask of the API.
 * Whose objects they are is looked at by the admission plugin NodeRestriction.
 */
export const linkAuthorizer: Authorizer = {
  authorize({ user, verb, resource }) {
    if (!resource || !user.groups.includes('system:nodes') || !user.name.startsWith(userPrefix)) return noOpinion;
    const { resource: plural, subresource } = resource;
    return reported.has(subresource ? `${verb} ${plural}/${subresource}` : `${verb} ${plural}`) ? allowed : noOpinion;
  },
};
