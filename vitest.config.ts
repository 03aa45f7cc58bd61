import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: 'flambeau/vision', replacement: at('./src/vision/index.ts') },
      { find: 'flambeau/node', replacement: at('./src/node.ts') },
      { find: 'flambeau', replacement: at('./src/index-node.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    setupFiles: ['test/support/setup.ts'],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
