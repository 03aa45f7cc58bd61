import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { pageTextForVite } from './tools/page-text.mjs';
import { threadTextForVite } from './tools/thread-text.mjs';
import { wasmTextForVite } from './tools/wasm-text.mjs';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const slow = process.env['FLAMBEAU_SLOW'] === '1';
/** The first time, a slow test may have a compiler make a thousand kernels, on a machine that does other things, too. */
// Chromium may take its time to start beside other tests.
const shared = { testTimeout: slow ? 900_000 : 120_000, hookTimeout: 60_000, setupFiles: ['test/support/setup.ts'] };
/** What runs on native kernels, too. Compiling thousands of them takes minutes, so most of it needs FLAMBEAU_SLOW=1. */
const NATIVE = slow
  ? ['test/ops/*.test.ts', 'test/kernels/*.test.ts', 'test/nn/fixtures-*.test.ts', 'test/tensor/{compile*,memory}.test.ts']
  : [
      'test/kernels/{conv-algorithms,conv-expanded,depthwise,formula,gemm,norm,pool}.test.ts',
      'test/ops/{conv,matmul,norm,pool,softmax-loss}.test.ts',
      'test/nn/fixtures-*.test.ts',
      'test/tensor/{compile,compile-kept,compile-memory-held,compile-networks,compile-results,compile-stages,debug}.test.ts',
    ];
/**
 * What only computes, or reads and writes files: such tests take turns in a few processes and import the sources once in each, which takes a second of
 * processor time. A file belongs here only if it leaves nothing behind in its process (limits, environment variables, replaced functions) and measures
 * nothing of it (memory, time, caches), nor sends it signals (a browser that another test holds open makes them its end). Shuffled orders must pass: --project '*-sharing' --sequence.shuffle.files.
 */
const SHARING = [
  'test/ops/*.test.ts',
  'test/kernels/*.test.ts',
  'test/nn/*.test.ts',
  'test/io/{archive,archive-kinds,arrays,checkpoint,crc32,deferred,foreign,fuzz,image,image-formats,image-heif,legacy-storages,pickle,pt,pt-files,pt-versions,resume,training-state,web,zip}.test.ts',
  'test/onnx/{backend,composed-layers,convert,export,import,protobuf,resize,runtime,torch,zoo}.test.ts',
  'test/train/{choose,fast-net,folders,learning-rate,models,networks,non-finite,open-data,own-optimizer,planned-lr,read-images,report,resume,tensorboard,trainer}.test.ts',
  'test/cli/{check,explain-pictures,export,find-rate,foreign-weights,mistakes,options,predict,tensorboard,terminal,train-pytorch}.test.ts',
  'test/inspect/*.test.ts',
  'test/vision/{datasets,download,draw,efficientnet-lite,grid,models,own-transforms,photo-reading,pixels,published-sets,registry,resample-kernel,segmentation,transforms*}.test.ts',
  'test/tensor/{async-modes,autograd*,compile,compile-fusion,compile-networks,compile-planner,compile-recording,compile-results,custom-function,further-names,fused,memory-order,multinomial,narrow,planner-random}.test.ts',
  'test/tensor/{pointwise-halves,print,random,sentences,typed,windows}.test.ts',
  'test/base/signature.test.ts',
  'test/package/frameworks.test.ts',
  'test/compiler/arena.test.ts',
  'test/distributed/single.test.ts',
  'test/docs/commands.test.ts',
  'test/data/iterable.test.ts',
  'test/fuzz/arguments.test.ts',
  'test/tutorials/tutorials.test.ts',
  'test/distributions/*.test.ts',
  'test/lab/*.test.ts',
];
const isSharing = (pattern: string): boolean => /^test\/(ops|kernels|nn)\//.test(pattern);
const installed = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const hasCompiler = ['cc', 'gcc', 'clang'].some(installed);
const FLAMBEAU_CACHE = process.env['FLAMBEAU_CACHE'] ?? at('./node_modules/.cache/flambeau');

/** Once more with another compiler, or for another machine in an emulator: what is most likely to differ. */
interface Other {
  readonly name: string;
  /** Programs that must be there. */
  readonly needs: readonly string[];
  readonly include: string[];
  readonly env: Record<string, string>;
}
const OTHERS: readonly Other[] = [
  {
    name: 'clang',
    needs: ['clang'],
    include: ['test/kernels/{c-emit,conv-algorithms,gemm}.test.ts', 'test/ops/{conv,norm,pool,softmax-loss}.test.ts'],
    env: { FLAMBEAU_CC: 'clang', FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE },
  },
  // Narrower vectors than this machine may have.
  ...(process.arch === 'x64' ? ['avx2', 'sse'] : []).map((name) => ({
    name,
    needs: ['gcc'],
    include: ['test/kernels/{conv-algorithms,gemm}.test.ts', 'test/tensor/{compile,compile-kept,compile-planner,compile-pool}.test.ts'],
    env: { FLAMBEAU_CC: at(`./test/support/gcc-${name}.sh`), FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE },
  })),
  {
    name: 'neon',
    needs: ['aarch64-linux-gnu-gcc', 'qemu-aarch64'],
    include: ['test/kernels/c-emit.test.ts'],
    env: { FLAMBEAU_TEST_EMULATOR: 'neon', FLAMBEAU_NATIVE: '0' },
  },
];

export default defineConfig({
  plugins: [wasmTextForVite, threadTextForVite, pageTextForVite],
  resolve: {
    alias: [
      { find: 'flambeau/core', replacement: at('./src/core.ts') },
      { find: 'flambeau/nn/functional', replacement: at('./src/nn/functional.ts') },
      { find: 'flambeau/nn', replacement: at('./src/nn/index.ts') },
      { find: 'flambeau/optim', replacement: at('./src/optim/index.ts') },
      { find: 'flambeau/data', replacement: at('./src/data/index.ts') },
      { find: /^flambeau\/families\/(copying|hooks|state-dicts)$/, replacement: at('./src/nn/families/$1.ts') },
      { find: 'flambeau/families/optimizer-states', replacement: at('./src/optim/families/optimizer-states.ts') },
      { find: /^flambeau\/families\/(.*)$/, replacement: at('./src/tensor/families/$1.ts') },
      { find: 'flambeau/inspect', replacement: at('./src/inspect/index.ts') },
      { find: 'flambeau/distributed', replacement: at('./src/distributed-node.ts') },
      { find: 'flambeau/distributions', replacement: at('./src/distributions/index.ts') },
      { find: 'flambeau/onnx', replacement: at('./src/onnx/index.ts') },
      { find: 'flambeau/vision', replacement: at('./src/vision/index.ts') },
      { find: 'flambeau/files/web', replacement: at('./src/io/web/index.ts') },
      { find: 'flambeau/files/pt', replacement: at('./src/io/pt/index.ts') },
      { find: 'flambeau/files', replacement: at('./src/io/index.ts') },
      { find: 'flambeau/train', replacement: at('./src/train/index.ts') },
      { find: 'flambeau/utils/tensorboard', replacement: at('./src/train/tensorboard/index.ts') },
      { find: 'flambeau/node', replacement: at('./src/node.ts') },
      { find: 'flambeau', replacement: at('./src/index-node.ts') },
    ],
  },
  test: {
    maxWorkers: '100%', // by default one processor is left free: on two that is one file at a time
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'wasm',
          include: ['test/**/*.test.ts'],
          exclude: ['test/webgpu/**', ...SHARING],
          env: { FLAMBEAU_NATIVE: '0' },
        },
      },
      {
        extends: true,
        test: { ...shared, name: 'wasm-sharing', include: SHARING, isolate: false, env: { FLAMBEAU_NATIVE: '0' } },
      },
      // On a GPU, or on the software adapter of Debian's chromium; skipped with a word where there is neither (test/support/webgpu.ts).
      { extends: true, test: { ...shared, name: 'webgpu', include: ['test/webgpu/*.test.ts'] } },
      // The tests of operations once more, each operation repeated there: some of them, since every kernel is compiled.
      {
        extends: true,
        test: {
          ...shared,
          name: 'webgpu-ops',
          include: [
            slow ? 'test/ops/*.test.ts' : 'test/ops/{conv,indexing,matmul,norm,pool,reduce,softmax-loss}.test.ts',
            'test/webgpu/shadowed/*.test.ts',
          ],
          setupFiles: [...shared.setupFiles, 'test/support/webgpu-shadow.ts'],
          env: { FLAMBEAU_NATIVE: '0' },
        },
      },
      // What computes, once more on native kernels; the first time, every kernel is compiled.
      ...(hasCompiler
        ? [
            {
              extends: true as const,
              test: {
                ...shared,
                name: 'native',
                include: NATIVE.filter((pattern) => !isSharing(pattern)),
                env: { FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE },
              },
            },
            {
              extends: true as const,
              test: {
                ...shared,
                name: 'native-sharing',
                include: NATIVE.filter(isSharing),
                isolate: false,
                env: { FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE },
              },
            },
            // Formulas and reductions: a few cases of each, whose kernels are compiled in one go.
            {
              extends: true as const,
              test: {
                ...shared,
                name: 'native-together',
                include: ['test/ops/{arithmetic,elementwise,reduce}.test.ts'],
                isolate: false,
                env: { FLAMBEAU_NATIVE: 'wait', FLAMBEAU_TEST_TOGETHER: '1', FLAMBEAU_CACHE },
              },
            },
          ]
        : []),
      ...OTHERS.filter(({ needs }) => slow && needs.every(installed)).map(({ name, include, env }) => ({
        extends: true as const,
        test: { ...shared, name, include, env },
      })),
    ],
  },
});
