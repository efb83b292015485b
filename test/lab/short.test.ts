import { shortForm } from './short-form.ts';

/** The short form of every goal that needs no process of its own: `npm run lab` is the long one. */
shortForm([
  { id: 'faults', rounds: 8 },
  { id: 'R9', rounds: 10 },
  { id: 'restore', rounds: 4 },
  { id: 'R3-writes', rounds: 6 },
  { id: 'R6-minutes', rounds: 3 },
  { id: 'R14', rounds: 4 },
  { id: 'R10', rounds: 20 },
  { id: 'R5-small', rounds: 2 },
  { id: 'R12', rounds: 1 },
  { id: 'R17', rounds: 4 },
  { id: 'R4-small', rounds: 2 },
]);
