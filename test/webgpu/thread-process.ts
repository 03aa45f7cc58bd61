/** A program with a GPU, for thread.test.ts: computes something, and ends in a way that its argument names. */
import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { startWebGpuNow } from '../../src/lower/webgpu/start.ts';
import { provideGpu } from '../../src/tensor/backend.ts';
import { cuda, ones } from '../../src/index-node.ts';

const loader = '/usr/lib/chromium/libvulkan.so.1';
if (existsSync(loader)) koffi.load(loader);
provideGpu({ start: () => Promise.resolve('not at once'), startNow: startWebGpuNow });
if (!cuda.isAvailable()) throw new Error('no GPU');
const x = ones(3).to('cuda');
console.log(x.sum().item());

const how = process.argv[2];
let y = x;
if (how !== 'end') for (let i = 0; i < 1000; i++) y = y.mul(1.001);
if (how === 'exit') process.exit(7);
if (how === 'throw') throw new Error('of the program');
if (how === 'later')
  void x
    .mul(2)
    .sum()
    .itemAsync()
    .then((value) => console.log('later', value));
