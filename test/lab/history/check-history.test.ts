import { expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { History, type Seen } from './history.ts';

/** A history without a fault: two keys, an update, a deletion, a write without an answer, a crash in between, a watch over all of it. */
function sound(): History {
  const history = new History();
  const write = (key: string, value: string | undefined, revision?: number): void =>
    history.acknowledge(history.send(key, value), revision);
  write('a', '1', 11);
  const watch = history.watch('', 11);
  write('b', '1', 12);
  write('a', '2', 13);
  write('b', undefined);
  write('c', '1', 15);
  history.send('c', '2');
  history.send('d', '1').refused = true;
  watch.events.push(seen('b', '1', 12), seen('a', '2', 13), seen('b', undefined, 14), seen('c', '1', 15), seen('c', '2', 16));
  read(history, 16, seen('a', '2', 13), seen('c', '2', 16));
  write('d', '2', 17);
  watch.completeUpTo = 16;
  return history;
}

const seen = (key: string, value: string | undefined, revision: number): Seen => ({ key, value, revision });
function read(history: History, revision: number, ...items: Seen[]): void {
  history.readings.push({ prefix: '', asked: history.tick(), answered: history.tick(), revision, items });
}
const watchOf = (history: History): { events: Seen[]; completeUpTo: number } => history.watches[0] ?? { events: [], completeUpTo: 0 };

it('finds nothing in a sound history, whether the write without an answer was done or not', () => {
  expect(checkHistory(sound())).toEqual([]);
  const undone = sound();
  watchOf(undone).events.pop();
  undone.readings.pop();
  read(undone, 17, seen('a', '2', 13), seen('c', '1', 15), seen('d', '2', 17));
  expect(checkHistory(undone)).toEqual([]);
});

it.each<[string, RegExp, (history: History) => void]>([
  [
    'an acknowledged write is not there',
    /a = 2 at 13 was acknowledged, but there is no a/,
    (it) => read(it, 20, seen('c', '2', 16), seen('d', '2', 17)),
  ],
  [
    'an acknowledged write was undone',
    /a = 2 at 13 was acknowledged, but there is a = 1 at 11/,
    (it) => read(it, 20, seen('a', '1', 11), seen('c', '2', 16), seen('d', '2', 17)),
  ],
  [
    'what was deleted is back',
    /the deletion of b was acknowledged, but there is b = 1 at 12/,
    (it) => read(it, 20, seen('a', '2', 13), seen('b', '1', 12), seen('c', '2', 16), seen('d', '2', 17)),
  ],
  [
    'a write is there that was refused',
    /nothing of e was acknowledged, but there is e = 1/,
    (it) => {
      it.send('e', '1').refused = true;
      read(it, 20, seen('a', '2', 13), seen('c', '2', 16), seen('d', '2', 17), seen('e', '1', 18));
    },
  ],
  ['something is there that nobody wrote', /x is there, which nobody wrote/, (it) => read(it, 20, ...state, seen('x', '1', 18))],
  ['a reading is old', /as of revision 16, but 17 was acknowledged before/, (it) => read(it, 16, ...state)],
  [
    'a key goes back',
    /c went back from revision 16 to 15/,
    (it) => read(it, 20, seen('a', '2', 13), seen('c', '1', 15), seen('d', '2', 17)),
  ],
  ['a revision is given twice', /revision 17 was given to d = 2 and to e = 1/, (it) => it.acknowledge(it.send('e', '1'), 17)],
  ['a revision is lower than an earlier one', /e = 1 got revision 9 after d = 2 had got 17/, (it) => it.acknowledge(it.send('e', '1'), 9)],
  ['a watch leaves an event out', /left out a = 2 at 13/, (it) => void watchOf(it).events.splice(1, 1)],
  ['a watch leaves a deletion out', /left out the deletion of b/, (it) => void watchOf(it).events.splice(2, 1)],
  [
    'a watch tells an event twice',
    /told of c = 2 at revision 16 after revision 16/,
    (it) => void watchOf(it).events.push(seen('c', '2', 16)),
  ],
  [
    'a watch tells out of order',
    /told of a = 2 at revision 13 after revision 14/,
    (it) => void watchOf(it).events.splice(1, 2, seen('b', undefined, 14), seen('a', '2', 13)),
  ],
  [
    'a watch tells of what nobody wrote',
    /told of c = 3 at 17, which nobody wrote/,
    (it) => void watchOf(it).events.push(seen('c', '3', 17)),
  ],
  [
    'a watch ends too early',
    /told all up to 17 left out d = 2 at 17/,
    (it) => {
      watchOf(it).completeUpTo = 17;
    },
  ],
])('notices when %s', (_what, fault, spoil) => {
  const history = sound();
  spoil(history);
  expect(checkHistory(history).join('\n')).toMatch(fault);
});

const state = [seen('a', '2', 13), seen('c', '2', 16), seen('d', '2', 17)];
