import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { storeContract } from '../store.contract.ts';
import { SqliteStore } from './sqlite-store.ts';

const logger = createLogger({ level: 'error', wallMs: () => 0, write: () => {} });

storeContract(
  'SqliteStore',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-store-'));
    const clock = new FakeClock();
    return {
      open: () => SqliteStore.open({ file: join(dir, 'store.db'), clock, logger, reserveBytes: 4096 }),
      passSeconds: (seconds) => clock.advance(seconds * 1000),
      remove: () => rm(dir, { recursive: true }),
    };
  },
  { durable: true, groups: true },
);
