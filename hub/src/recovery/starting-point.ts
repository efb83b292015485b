import type { Ledger } from '#auth/pki/ledger.ts';
import type { Revision, Store } from '#store/contract.ts';

/** Why a hub begins by asking its boards. */
export interface RecoveryCause {
  /** `restored`: the store came from a backup, or is an older copy. `empty`: there was none, and boards had joined. */
  readonly reason: 'restored' | 'empty';
  /** How far the store knows the past: the epoch it had and its newest revision then. Nothing when it was empty. */
  readonly known: { readonly epoch: number; readonly revision: Revision };
  /** What was written above this revision was written since. */
  readonly base: Revision;
}

/** What a hub goes on from. */
export interface StartingPoint {
  readonly ledger: Ledger;
  /** Of what boards are sent from here on; above all that they were ever sent when there is something to recover. */
  readonly epoch: number;
  readonly recovery: RecoveryCause | undefined;
}

/** In the store beside the objects: whose history this is. */
interface EpochMark {
  readonly epoch: number;
  /** `Store.epoch` when it was written: another one tells of a restore. */
  readonly storeEpoch: number;
  readonly recovery?: RecoveryCause;
}

const markKey = '/flotilla/history';
/** An epoch gives out fewer revisions than this: 300 years at 100 writes a second. */
const revisionsPerEpoch = 1e12;

/** Where the revisions of a store begin that is made anew, or of a backup: above all that this cluster ever gave out. */
export function nextFirstRevision({ newest }: Pick<Ledger, 'newest'>): Revision {
  return newest.epoch === 0 ? 0 : newest.revision + revisionsPerEpoch;
}

/**
 * Tells a hub that goes on from one that lost its store or got an older one, by comparing the store with the ledger, and raises the
 * epoch for the latter. The ledger is written first, so a crash in between costs an epoch and nothing else.
 */
export async function findStartingPoint({ store, ledger }: { readonly store: Store; readonly ledger: Ledger }): Promise<StartingPoint> {
  const mark = await readMark(store);
  const { newest } = ledger;
  if (mark && mark.storeEpoch === store.epoch && mark.epoch >= newest.epoch) {
    if (mark.epoch > newest.epoch) await ledger.beginEpoch({ epoch: mark.epoch, revision: await store.currentRevision() });
    return { ledger, epoch: mark.epoch, recovery: mark.recovery };
  }
  const base = await store.currentRevision();
  const empty = !mark && (await store.list('/registry/', { limit: 1 })).items.length === 0;
  const first = newest.epoch === 0 && !mark && !store.restoredFrom;
  const known = empty
    ? { epoch: 0, revision: 0 }
    : { epoch: mark?.epoch ?? store.restoredFrom?.epoch ?? 1, revision: store.restoredFrom?.revision ?? base };
  const epoch = first ? store.epoch : Math.max(newest.epoch, mark?.epoch ?? 0, store.epoch - 1) + 1;
  const recovery: RecoveryCause | undefined = first ? undefined : { reason: empty ? 'empty' : 'restored', known, base };
  await ledger.beginEpoch({ epoch, revision: base });
  await writeMark(store, { epoch, storeEpoch: store.epoch, ...(recovery ? { recovery } : {}) });
  return { ledger, epoch, recovery };
}

/** The hub knows again what it can know. */
export async function endRecovery(store: Store, epoch: number): Promise<void> {
  await writeMark(store, { epoch, storeEpoch: store.epoch });
}

async function readMark(store: Store): Promise<EpochMark | undefined> {
  const found = await store.get(markKey);
  return found && (JSON.parse(found.value) as EpochMark);
}

async function writeMark(store: Store, mark: EpochMark): Promise<void> {
  const result = await store.put(markKey, JSON.stringify(mark));
  if (!result.ok) throw new Error(`the epoch could not be written: ${result.reason}`);
}
