/**
 * A Python with packages that tests compare with. They are looked for in the folder that FLAMBEAU_PYTHON_PACKAGES names, or in
 * node_modules/.cache/python-packages (`pip install --target` fills such folders), and among those that a Python has anyway.
 */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FOLDER =
  process.env['FLAMBEAU_PYTHON_PACKAGES'] ??
  fileURLToPath(new URL('../../node_modules/.cache/python-packages', import.meta.url));
/** The Python of the reference environment. */
const REFERENCE = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const env = { ...process.env, PYTHONPATH: [FOLDER, process.env['PYTHONPATH']].filter(Boolean).join(':') };

/** Runs a Python with the packages on its path. */
export const runPython = (python: string, args: readonly string[], input = ''): SpawnSyncReturns<string> =>
  spawnSync(python, args, { encoding: 'utf8', env, input, maxBuffer: 2 ** 30 });

/** A Python that has these packages, if there is one. */
export function pythonWith(...packages: readonly string[]): string | undefined {
  const check = packages.map((name) => `import ${name}`).join('; ');
  return [REFERENCE, 'python3', '/usr/bin/python3'].find((python) => runPython(python, ['-c', check]).status === 0);
}
