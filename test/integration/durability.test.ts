import { shortForm } from '../lab/short-form.ts';

/** The short form of what kills the hub, or its disk's power, while it writes: what was acknowledged is there. */
shortForm([
  { id: 'R1-few', rounds: 3 },
  { id: 'R2-few', rounds: 4 },
]);
