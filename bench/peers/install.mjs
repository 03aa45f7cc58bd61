/**
 * npm run bench:peers
 *
 * Installs what the benchmarks compare with: PyTorch 2.15, torchvision and onnxruntime in .venv (tools/python-env.sh), onnxruntime-web and
 * TensorFlow.js in bench/peers/node_modules, and packages with networks and ONNX models (requirements.txt) in node_modules/.cache/bench,
 * or in the folder that FLAMBEAU_BENCH_CACHE names. 7 GB and a few minutes; what is there already stays. PyTorch's compiler needs g++.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGES, ROOT } from './cache.mjs';

const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));
const python = join(ROOT, '.venv/bin/python');

run('bash', join(ROOT, 'tools/python-env.sh'));
run('npm', 'ci', '--no-audit', '--no-fund', '--prefix', fileURLToPath(new URL('.', import.meta.url)));
run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--upgrade', '--target', PACKAGES, '-r', requirements); // prettier-ignore
console.log(`bench:peers: everything is installed; networks and models are in ${PACKAGES}`);

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: ROOT });
  if (status === 0) return;
  console.error(`bench:peers: ${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
  process.exit(1);
}
