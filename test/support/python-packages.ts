/**
 * The Python that tests compare with: that of .venv, which tools/python-env.sh makes, where it is there, else one on the machine. For the
 * latter, packages are also looked for in the folder that FLAMBEAU_PYTHON_PACKAGES names, or in node_modules/.cache/python-packages
 * (`pip install --target` fills such folders).
 */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const REFERENCE = at('.venv/bin/python');
const PYTHONS = [REFERENCE, 'python3', '/usr/bin/python3'];
const FOLDER = process.env['FLAMBEAU_PYTHON_PACKAGES'] ?? at('node_modules/.cache/python-packages');
const extended = { ...process.env, PYTHONPATH: [FOLDER, process.env['PYTHONPATH']].filter(Boolean).join(':') };

/** Runs a Python with the packages on its path. */
export const runPython = (python: string, args: readonly string[], input = ''): SpawnSyncReturns<string> =>
  spawnSync(python, args, {
    encoding: 'utf8',
    env: python === REFERENCE ? process.env : extended,
    input,
    maxBuffer: 2 ** 30,
  });

/** As {@link runPython}, without those packages: a PyTorch of the machine's own goes with its own NumPy only. */
export const runMachinePython = (python: string, args: readonly string[], input = ''): SpawnSyncReturns<string> =>
  spawnSync(python, args, { encoding: 'utf8', input, maxBuffer: 2 ** 30 });

const torchVersions = new Map<string, string>();

/** The version of a Python's PyTorch, '' without one. Does not import it, which takes seconds. */
function torchVersion(python: string): string {
  let version = torchVersions.get(python);
  if (version === undefined) {
    const run = runMachinePython(python, ['-c', 'from importlib.metadata import version; print(version("torch"))']);
    version = run.status === 0 ? run.stdout.trim() : '';
    torchVersions.set(python, version);
  }
  return version;
}

/** A Python with PyTorch of at least this major version, if there is one. */
export function pythonWithTorch(major: number): string | undefined {
  return PYTHONS.find((python) => Number(torchVersion(python).split('.')[0]) >= major);
}

/** For the titles of tests: which PyTorch they run with, or what they need. */
export const statedTorch = (python: string | undefined, without: string): string =>
  python === undefined ? without : `PyTorch ${torchVersion(python)}`;

/** Finds packages without importing them, which takes seconds for some. */
const CHECK = `
import importlib.util, sys
sys.exit(any(importlib.util.find_spec(name) is None for name in sys.argv[1:]))`;

/** A Python that has these packages, if there is one. */
export function pythonWith(...packages: readonly string[]): string | undefined {
  return PYTHONS.find((python) => runPython(python, ['-c', CHECK, ...packages]).status === 0);
}
