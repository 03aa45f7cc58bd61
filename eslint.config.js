import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Globals of both Node and browsers that scripts use. */
const GLOBALS = [
  'console',
  'performance',
  'process',
  'setImmediate',
  'setTimeout',
  'TextEncoder',
  'URL',
  'WebAssembly',
];

export default tseslint.config(
  { ignores: ['dist', 'lab/dist', 'coverage', 'docs', 'node_modules', 'test/fixtures'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/unbound-method': 'off', // ops are tables of functions without `this`
      '@typescript-eslint/no-non-null-assertion': 'off', // noUncheckedIndexedAccess makes `!` the marker for proven indices
      '@typescript-eslint/no-unnecessary-type-parameters': 'off', // shape parameters often appear once
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // overflows the stack on recursive types such as PtInput
      // A bare Tensor is Tensor<any> by design (its shape is dynamic): giving one where a shape is promised is the
      // gradual typing that users rely on, and these two rules would forbid just that.
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 90, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // Shapes in the types: `any` is the dynamic shape, and rules must be able to say it.
    files: ['src/tensor/shapes/*.ts', 'src/nn/shape-types.ts', 'src/tensor/tensor.ts', 'src/tensor/tensor-math.ts'],
    rules: { '@typescript-eslint/no-explicit-any': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: Object.fromEntries(GLOBALS.map((name) => [name, 'readonly'])) },
  },
);
