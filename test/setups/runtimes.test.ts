/** `npm run setups`: the program in Node's versions, Bun, Deno and Jest, with native kernels and without. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { distance, nearness, pytorch, type Answer } from './expected.ts';
import { makeApp, note, SETUPS, versionOf } from './place.ts';

interface Runtime {
  readonly name: string;
  readonly group: string;
  /** The program to start, with what comes before the file's name. */
  readonly command: readonly [string, ...string[]];
  readonly version: () => string;
}

const bin = (group: string, name: string): string => join(SETUPS ?? '', group, 'node_modules', '.bin', name);
const node = (group: string): Runtime => ({ name: 'Node', group, command: [bin(group, 'node')], version: () => versionOf(group, 'node') });
const RUNTIMES: readonly Runtime[] = [
  { name: 'Node', group: 'node22', command: [process.execPath], version: () => process.version.slice(1) },
  ...['node22', 'node24', 'node26'].map(node),
  { name: 'Bun', group: 'others', command: [bin('others', 'bun'), 'run'], version: () => versionOf('others', 'bun') },
  { name: 'Deno', group: 'others', command: [bin('others', 'deno'), 'run', '--allow-all'], version: () => versionOf('others', 'deno') },
];

/** From CommonJS modules. */
const WAYS = { 'import()': ['node.cjs'], 'require()': ['node.cjs', 'require'] } as const;
const KERNELS = { WebAssembly: '0', native: 'wait' } as const;

describe.skipIf(SETUPS === undefined)('the program', () => {
  let bits: Answer;

  function answerOf(command: string, args: readonly string[], cwd: string, native: string): Answer {
    const env = { ...process.env, FLAMBEAU_NATIVE: native, NODE_OPTIONS: '' };
    return JSON.parse(execFileSync(command, args, { cwd, encoding: 'utf8', env, timeout: 120_000 })) as Answer;
  }

  beforeAll(() => {
    bits = answerOf(process.execPath, ['node.mjs'], makeApp('node22', 'app'), '0');
    expect(distance(bits, pytorch)).toBeLessThan(1e-5);
  }, 120_000);

  it.each(RUNTIMES)(
    'in $name ($group)',
    ({ name, group, command, version }) => {
      const folder = makeApp(group, 'app');
      const [program, ...before] = command;
      const cells: Record<string, string> = {};
      try {
        for (const [kernels, native] of Object.entries(KERNELS)) {
          cells[kernels] = 'fails';
          const answer = answerOf(program, [...before, 'node.mjs'], folder, native);
          expect(distance(answer, pytorch)).toBeLessThan(1e-5);
          if (native === '0' && name !== 'Bun') expect(answer).toEqual(bits);
          cells[kernels] = nearness(answer, bits);
        }
        for (const [way, args] of Object.entries(WAYS)) {
          cells[way] = 'fails';
          const answer = answerOf(program, [...before, ...args], folder, '0');
          expect(distance(answer, pytorch)).toBeLessThan(1e-5);
          cells[way] = nearness(answer, bits);
        }
      } finally {
        note(`${name} ${version()}`, cells);
      }
    },
    300_000,
  );

  it('in Jest, as ECMAScript modules', () => {
    const folder = makeApp('others', 'jest', 'jest');
    writeFileSync(join(folder, 'jest.config.mjs'), 'export default { transform: {}, testEnvironment: "node" };');
    const jest = join(SETUPS!, 'others', 'node_modules', 'jest', 'bin', 'jest.js');
    expect(existsSync(jest)).toBe(true);
    for (const [version, command] of [
      [process.version.slice(1), process.execPath],
      [versionOf('node24', 'node'), bin('node24', 'node')],
    ] as const) {
      let cell = 'fails';
      try {
        const env = { ...process.env, FLAMBEAU_NATIVE: '0', NODE_OPTIONS: '' };
        const said = execFileSync(command, ['--experimental-vm-modules', jest, '--ci'], {
          cwd: folder,
          encoding: 'utf8',
          env,
          stdio: 'pipe',
          timeout: 120_000,
        });
        expect(JSON.parse(/answer:(.*):/.exec(said)![1]!)).toEqual(bits);
        cell = 'same bits';
      } finally {
        note(`Jest ${versionOf('others', 'jest')}, Node ${version}`, { WebAssembly: cell });
      }
    }
  }, 300_000);
});
