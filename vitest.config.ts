import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const shared = { testTimeout: 120_000, setupFiles: ['test/support/setup.ts'] };
/** What runs on native kernels, too. Compiling thousands of them takes minutes, so most of it needs FLAMBEAU_SLOW=1. */
const NATIVE =
  process.env['FLAMBEAU_SLOW'] === '1'
    ? ['test/ops/*.test.ts', 'test/kernels/*.test.ts', 'test/nn/fixtures-*.test.ts', 'test/tensor/compile*.test.ts']
    : [
        'test/kernels/gemm.test.ts',
        'test/ops/{conv,matmul,norm,optimizers,pool,softmax-loss}.test.ts',
        'test/nn/fixtures-*.test.ts',
        'test/tensor/compile*.test.ts',
      ];
const hasCompiler = ['cc', 'gcc', 'clang'].some((name) => spawnSync(name, ['--version']).status === 0);

export default defineConfig({
  resolve: {
    alias: [
      { find: 'flambeau/inspect', replacement: at('./src/inspect/index.ts') },
      { find: 'flambeau/vision', replacement: at('./src/vision/index.ts') },
      { find: 'flambeau/node', replacement: at('./src/node.ts') },
      { find: 'flambeau', replacement: at('./src/index-node.ts') },
    ],
  },
  test: {
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      {
        extends: true,
        test: { ...shared, name: 'wasm', include: ['test/**/*.test.ts'], env: { FLAMBEAU_NATIVE: '0' } },
      },
      // What computes, once more on native kernels; the first time, every kernel is compiled.
      ...(hasCompiler
        ? [
            {
              extends: true as const,
              test: {
                ...shared,
                name: 'native',
                include: NATIVE,
                env: {
                  FLAMBEAU_NATIVE: 'wait',
                  FLAMBEAU_CACHE: process.env['FLAMBEAU_CACHE'] ?? at('./node_modules/.cache/flambeau'),
                },
              },
            },
          ]
        : []),
    ],
  },
});
