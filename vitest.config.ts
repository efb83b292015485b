import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** What needs podman or network namespaces runs one file at a time. */
const serial = ['**/*.podman.test.ts', 'test/e2e/**/*.test.ts'];
/** Sockets, processes and kubectl, but nothing that two of them would share. */
const integration = ['test/integration/**/*.test.ts', 'test/conformance/**/*.test.ts'];
const never = ['**/node_modules/**', '**/dist/**', 'test/tidy/planted/**'];

export default defineConfig({
  // Random inputs are the same in every run, unless another seed is asked for.
  resolve: { alias: [{ find: /^fast-check$/, replacement: resolve(import.meta.dirname, 'test/harness/seeded-fast-check.ts') }] },
  test: {
    pool: 'forks',
    // Most tests wait for something more than they compute.
    maxWorkers: Math.max(3, availableParallelism()),
    expect: { poll: { timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{shared,hub,agent,firmware-images}/src/**/*.test.ts', 'shared/setup/**/*.test.ts'],
          exclude: [...never, ...serial],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'tidy',
          include: ['test/tidy/**/*.test.ts', 'test/simulation/**/*.test.ts', 'test/lab/**/*.test.ts'],
          exclude: never,
          testTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: integration,
          exclude: [...never, ...serial],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'serial',
          include: serial,
          exclude: never,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
