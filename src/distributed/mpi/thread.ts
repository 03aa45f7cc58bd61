/**
 * The program of the thread that calls MPI: it alone does, so that a library need not be safe for several. It starts one collective after the other
 * and asks MPI how far it is, which is when MPI moves data: without pause while the program waits, now and then while the program computes.
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { itemSize } from '../../base/dtype.ts';
import { DistributedError } from '../../base/errors.ts';
import type { Collective } from '../process-group.ts';
import { isMpiDType, type Abi, type Handle, type MpiDType } from './abi.ts';
import { loadMpi, type Mpi } from './library.ts';
import type { Launch } from '../environment.ts';
import { STATE, WORDS, type Order, type Report, type ThreadSetup } from './protocol.ts';
import { shareMemory, type Window } from './window.ts';

const { words, port, libraries, launch, watch } = workerData as ThreadSetup;
/** MPI_THREAD_SERIALIZED: one thread at a time calls, which is not the process's first. */
const SERIALIZED = 2;
/** How long the thread sleeps between two questions while nobody waits. */
const PAUSE_MS = 0.05;

const report = (what: Report): void => port.postMessage(what);
const wake = (word: number): void => void Atomics.notify(words, word);

function setState(state: number): void {
  Atomics.store(words, WORDS.state, state);
  wake(WORDS.state);
}

const textOf = (bytes: Uint8Array, length: number): string => new TextDecoder().decode(bytes.subarray(0, length)).replace(/\0.*$/s, '');

function check(mpi: Mpi, code: number, what: string): void {
  if (code === 0) return;
  const [text, length] = [new Uint8Array(8192), [0]];
  mpi.errorString(code, text, length);
  throw new DistributedError(`${what}: MPI says ${textOf(text, length[0]!)}`);
}

/** Memory that all processes see, while MPI lasts. */
let window: Window | undefined;

function start(): Mpi {
  const mpi = loadMpi(libraries);
  const [provided, rank, size] = [[0], [0], [0]];
  check(mpi, mpi.initThread(null, null, SERIALIZED, provided), 'initProcessGroup');
  const { world, errorsReturn, name } = mpi.abi;
  check(mpi, mpi.setErrorHandler(world, errorsReturn), 'initProcessGroup');
  check(mpi, mpi.commRank(world, rank), 'initProcessGroup');
  check(mpi, mpi.commSize(world, size), 'initProcessGroup');
  if (provided[0]! < SERIALIZED)
    throw new DistributedError(
      `initProcessGroup: this ${name} was built without threads (MPI_THREAD_SERIALIZED); use one that was built with them`,
    );
  if (launch !== undefined && launch.worldSize !== size[0]) {
    throw new DistributedError(
      `initProcessGroup: ${launch.launcher} has started ${launch.worldSize} processes, but ${name} sees ${size[0]}: ${remedyFor(launch)}`,
    );
  }
  const [text, length] = [new Uint8Array(8192), [0]];
  mpi.libraryVersion(text, length);
  if (process.env['FLAMBEAU_MPI_MEMORY'] !== '0') window = shareMemory(mpi, rank[0]!, size[0]!);
  report({ version: textOf(text, length[0]!).split(/[,\n]/)[0]!, ...(window && { memory: window.base }) });
  Atomics.store(words, WORDS.rank, rank[0]!);
  Atomics.store(words, WORDS.size, size[0]!);
  return mpi;
}

/** What only travels, and MPI does not know, are bytes. */
const elements = ({ types }: Abi, { dtype, count }: Collective): { readonly type: Handle; readonly count: number } =>
  isMpiDType(dtype) ? { type: types[dtype], count } : { type: types.uint8, count: count * itemSize(dtype) };

function remedyFor({ launcher, worldSize }: Launch): string {
  const run = `flambeau run -n ${worldSize} program.mjs, or mpirun -n ${worldSize} node program.mjs`;
  if (launcher === 'torchrun')
    return `processes find one another by MPI, not by MASTER_ADDR; start them with ${run} (and clear RANK and WORLD_SIZE where a program is to run alone)`;
  if (launcher === 'Slurm')
    return `srun has to bring them together: srun --mpi=pmix with Open MPI, --mpi=pmi2 with MPICH and Intel MPI (srun --mpi=list says what it has); or, within the job, ${run}`;
  return 'start the program with the mpirun that belongs to the library (mpirun.openmpi, mpirun.mpich), or name the library in FLAMBEAU_MPI';
}

/** Starts a collective; the error code. */
function begin({ abi, ...mpi }: Mpi, collective: Collective, request: Uint8Array): number {
  const { kind, op = 'sum', root = 0, send, receive } = collective;
  const { type, count } = elements(abi, collective);
  const comm = abi.world;
  const from = send ?? abi.inPlace;
  switch (kind) {
    case 'allReduce':
      return mpi.startAllReduce(from, receive, count, type, abi.ops[op], comm, request);
    case 'reduce':
      return startReduce(abi, mpi, collective, request);
    case 'broadcast':
      return mpi.startBroadcast(receive, count, type, root, comm, request);
    case 'allGather':
      return mpi.startAllGather(from, count, type, receive, count, type, comm, request);
    case 'reduceScatter':
      return mpi.startReduceScatter(from, receive, count, type, abi.ops[op], comm, request);
    case 'gather':
      return mpi.startGather(send ?? receive, count, type, receive, count, type, root, comm, request);
    case 'scatter':
      return mpi.startScatter(send ?? receive, count, type, receive, count, type, root, comm, request);
    case 'barrier':
      return mpi.startBarrier(comm, request);
  }
}

/** In place at the root only; the others send what they have. */
function startReduce(
  abi: Abi,
  mpi: Omit<Mpi, 'abi'>,
  { dtype, count, op = 'sum', root = 0, receive }: Collective,
  request: Uint8Array,
): number {
  const isRoot = Atomics.load(words, WORDS.rank) === root;
  const type: Handle = abi.types[dtype as MpiDType];
  return mpi.startReduce(isRoot ? abi.inPlace : receive, receive, count, type, abi.ops[op], root, abi.world, request);
}

/** Where a rank has failed MPI is not called again, by which one could wait for ever: the watch ends the process. */
function stopIfFailed(): void {
  if (Atomics.load(words, WORDS.state) === STATE.failed) Atomics.wait(words, WORDS.state, STATE.failed);
}

function carryOut(mpi: Mpi, collective: Collective): void {
  const request = new Uint8Array(mpi.abi.requestBytes);
  check(mpi, begin(mpi, collective, request), collective.kind);
  const flag = [0];
  const ignore = mpi.abi.name === 'Open MPI' ? 0n : 1n; // MPI_STATUS_IGNORE
  for (;;) {
    check(mpi, mpi.test(request, flag, ignore), collective.kind);
    if (flag[0] !== 0) return;
    stopIfFailed();
    if (Atomics.load(words, WORDS.waiting) === 0) Atomics.wait(words, WORDS.waiting, 0, PAUSE_MS);
  }
}

const BARRIER: Collective = { kind: 'barrier', dtype: 'uint8', count: 0, receive: new Uint8Array(0) };

/** Carries out what comes, until it is told to end. */
function serve(mpi: Mpi): void {
  for (;;) {
    stopIfFailed();
    const posted = Atomics.load(words, WORDS.posted);
    const message = receiveMessageOnPort(port)?.message as Order | undefined;
    if (message === undefined) {
      Atomics.wait(words, WORDS.posted, posted);
    } else if (message === 'finalize') {
      carryOut(mpi, BARRIER);
      window?.free();
      Atomics.compareExchange(words, WORDS.state, STATE.ready, STATE.closing);
      wake(WORDS.state);
      check(mpi, mpi.finalize(), 'destroyProcessGroup');
      return;
    } else {
      carryOut(mpi, message.collective);
      Atomics.add(words, WORDS.done, 1);
      wake(WORDS.done);
    }
  }
}

function fail(text: string): void {
  const hasStarted = Atomics.load(words, WORDS.state) !== STATE.starting;
  if (Atomics.load(words, WORDS.watched) === 1) {
    watch!.postMessage(text); // it asks the other ranks what they do, and then tells the program
    Atomics.wait(words, WORDS.state, STATE.ready);
    stopIfFailed();
  }
  report({ error: text });
  setState(hasStarted ? STATE.failed : STATE.refused);
  wake(WORDS.done);
}

try {
  const mpi = start();
  setState(STATE.ready);
  serve(mpi);
  Atomics.compareExchange(words, WORDS.state, STATE.closing, STATE.ended);
  wake(WORDS.state);
  Atomics.wait(words, WORDS.state, STATE.ended); // it sleeps when the process ends: nothing runs that the end could meet
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
