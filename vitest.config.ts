import { defineConfig } from 'vitest/config';

const rooms = ['topology', 'constructs', 'lab', 'engines', 'verify', 'report', 'cli', 'architecture', 'docs'];

export default defineConfig({
  test: {
    globalSetup: ['test/build.ts'],
    coverage: {
      provider: 'v8',
      include: ['topology/**', 'constructs/**', 'lab/**', 'engines/**', 'verify/**', 'report/**', 'cli/**'],
      reporter: ['text-summary', 'json-summary'],
    },
    projects: [
      { extends: true, test: { name: 'unit', include: rooms.map((room) => `test/${room}/**/*.test.ts`), testTimeout: 20_000 } },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000 } },
      // One kernel, and one neighbour table for all namespaces: labs of different files must not run at once.
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      // Real clusters of kind: minutes, and most of the machine's memory.
      {
        extends: true,
        test: {
          name: 'kind',
          include: ['test/kind/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
