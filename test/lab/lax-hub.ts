/** Loaded before a hub: its store does not wait for the disk. The planted mistake of the power cuts. */
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';

const open = SqliteStore.open.bind(SqliteStore);
SqliteStore.open = (options) => open({ ...options, synchronous: 'NORMAL' });
