import { type BoardForm, boardForms, checkStructure } from './image-structure.ts';
import type { Lab, LabGoal } from './lab-goal.ts';
import { labImage } from './lab-images.ts';

const boards = Object.entries(boardForms);

async function lookedAt(seed: number, { tally, log }: Lab, other: Partial<BoardForm> = {}): Promise<void> {
  const [board, form] = boards[(seed - 1) % boards.length] ?? [];
  if (!board || !form) throw new Error('there is no seed 0: boards are counted from 1');
  log(`${board}: building its image, unless it stands`);
  await checkStructure(await labImage(board), { ...form, ...other }, (what) => tally.invariant(what, 1));
  log(`${board}: as it must be`);
}

/** What can be said of a board's image without the board: one board a round. */
export const boardImages: LabGoal = {
  id: 'R20-boards',
  title: 'the image of every board has all that its firmware and its system look for, and its agent starts',
  rounds: boards.length,
  round: (seed, lab) => lookedAt(seed, lab),
  controls: [
    { mistake: "another board's loader", round: (seed, lab) => lookedAt(seed, lab, { loader: 'start9.elf' }) },
    { mistake: 'a package was left out', round: (seed, lab) => lookedAt(seed, lab, { packages: ['firmware-of-nobody'] }) },
  ],
  invariants: ['packages', 'partition table and boot files', 'root file system', 'the agent starts'],
  tools: ['images'],
};
