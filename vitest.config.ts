import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const rooms = ['topology', 'constructs', 'lab', 'engines', 'verify', 'report', 'cli', 'pulumi', 'architecture', 'docs'];

export default defineConfig({
  // Labs import the package by its name: here it is these sources, not the last build.
  resolve: { alias: [{ find: /^cnilab$/, replacement: fileURLToPath(new URL('index.ts', import.meta.url)) }] },
  test: {
    globalSetup: ['test/build.ts'],
    // The default leaves one processor out, which is half of a small machine.
    maxWorkers: '100%',
    coverage: {
      provider: 'v8',
      include: ['topology/**', 'constructs/**', 'lab/**', 'engines/**', 'verify/**', 'report/**', 'cli/**', 'pulumi/**'],
      reporter: ['text-summary', 'json-summary'],
    },
    projects: [
      { extends: true, test: { name: 'unit', include: rooms.map((room) => `test/${room}/**/*.test.ts`), testTimeout: 20_000 } },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000 } },
      // One kernel, and one neighbour table for all namespaces; a lab takes at most half of it (LabPlan.neighbours), so labs of two files fit. A verification
      // mostly waits: one file alone leaves most of two cores idle.
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: 2,
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
      // Virtual machines: without KVM a node takes many minutes.
      {
        extends: true,
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 5_400_000,
          hookTimeout: 5_400_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
