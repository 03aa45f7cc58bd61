/** The machine's MPI library, called through koffi: no addon and no compiler. */
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { DistributedError } from '../../base/errors.ts';
import type { Launch } from '../environment.ts';
import { MPICH, openMpi, type Abi, type Handle } from './abi.ts';
import { loadKoffi, requireStack, type Koffi, type Library } from './koffi.ts';
import type { MemoryCalls } from './common-memory.ts';

type Call<A extends readonly unknown[]> = (...args: A) => number;
type Memory = Uint8Array | bigint;

/** What one rank has of all, or all of one. */
type RootedArgs = [
  send: Memory,
  sent: number,
  sendType: Handle,
  receive: Memory,
  received: number,
  type: Handle,
  root: number,
  comm: Handle,
  request: Uint8Array,
];

/** The functions of MPI that are used; each gives an error code. */
export interface Mpi {
  readonly abi: Abi;
  readonly initThread: Call<[argc: null, argv: null, required: number, provided: number[]]>;
  readonly finalize: Call<[]>;
  readonly commRank: Call<[comm: Handle, rank: number[]]>;
  readonly commSize: Call<[comm: Handle, size: number[]]>;
  readonly setErrorHandler: Call<[comm: Handle, handler: Handle]>;
  readonly errorString: Call<[code: number, text: Uint8Array, length: number[]]>;
  readonly libraryVersion: Call<[text: Uint8Array, length: number[]]>;
  readonly startAllReduce: Call<
    [send: Memory, receive: Memory, count: number, type: Handle, op: Handle, comm: Handle, request: Uint8Array]
  >;
  readonly startReduce: Call<
    [send: Memory, receive: Memory, count: number, type: Handle, op: Handle, root: number, comm: Handle, request: Uint8Array]
  >;
  readonly startBroadcast: Call<[data: Memory, count: number, type: Handle, root: number, comm: Handle, request: Uint8Array]>;
  readonly startAllGather: Call<
    [send: Memory, sent: number, sendType: Handle, receive: Memory, received: number, type: Handle, comm: Handle, request: Uint8Array]
  >;
  readonly startReduceScatter: Call<
    [send: Memory, receive: Memory, count: number, type: Handle, op: Handle, comm: Handle, request: Uint8Array]
  >;
  readonly startGather: Call<RootedArgs>;
  readonly startScatter: Call<RootedArgs>;
  readonly startBarrier: Call<[comm: Handle, request: Uint8Array]>;
  readonly test: Call<[request: Uint8Array, flag: number[], status: bigint]>;
  readonly allReduce: Call<[send: Memory, receive: Memory, count: number, type: Handle, op: Handle, comm: Handle]>;
  readonly splitByType: Call<[comm: Handle, type: number, key: number, info: Handle, made: Uint8Array]>;
  readonly allocateShared: Call<[bytes: number, unit: number, info: Handle, comm: Handle, base: Uint8Array, window: Uint8Array]>;
  readonly queryShared: Call<[window: Handle, rank: number, bytes: Uint8Array, unit: number[], base: Uint8Array]>;
  readonly freeWindow: Call<[window: Uint8Array]>;
}

const OPEN_MPI = ['libmpi.so.40', 'libmpi.so.80', 'libmpi.40.dylib'];
const MPICH_NAMES = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.12.dylib', 'libmpi.12.dylib'];

/**
 * Files to try, that of the launcher first: a program that Open MPI has started is alone to MPICH. Before the system's own comes what lies beside the first
 * `mpirun` of the search path, which may be that of a virtual environment of Python, of conda, or built from sources.
 */
export function libraryNames(
  launcher: Launch['launcher'] | undefined,
  { FLAMBEAU_MPI: named, PATH: path }: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  if (named !== undefined && named !== '') return [named];
  const names = launcher === 'MPICH' ? [...MPICH_NAMES, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH_NAMES];
  const own =
    launcher === undefined || launcher === 'torchrun' || launcher === 'Slurm' ? names : launcher === 'MPICH' ? MPICH_NAMES : OPEN_MPI;
  return [...besideMpirun(own, path ?? ''), ...names];
}

function besideMpirun(names: readonly string[], path: string): string[] {
  const programs = path.split(delimiter).flatMap((folder) => (folder === '' ? [] : [join(folder, 'mpirun'), join(folder, 'mpiexec')]));
  const program = programs.find((file) => existsSync(file));
  if (program === undefined) return [];
  const folders = [program, realpathSync(program)].flatMap((file) => ['lib', 'lib64'].map((lib) => join(dirname(dirname(file)), lib)));
  return [...new Set(folders)].flatMap((folder) => names.map((name) => join(folder, name))).filter((file) => existsSync(file));
}

const INSTALL =
  'install one, such as the package openmpi-bin or mpich of Debian and Ubuntu, or name the file of its library in FLAMBEAU_MPI';

/**
 * Loads the first library of those that there is, and binds its functions.
 * @throws DistributedError where koffi is not installed, or there is no MPI, or it is of an unknown interface
 */
export const loadMpi = (names: readonly string[]): Mpi => loadFirst(names, bind);

/** The functions for memory that processes share, for a thread that does not otherwise call MPI. */
export const loadMemoryCalls = (names: readonly string[]): MemoryCalls & Pick<Koffi, 'view'> => loadFirst(names, bindMemory);

function loadFirst<T>(names: readonly string[], bindTo: (koffi: Koffi, library: Library, name: string) => T): T {
  const koffi = loadKoffi();
  const failures: string[] = [];
  for (const name of names) {
    try {
      return bindTo(koffi, koffi.load(name, { global: true }), name); // global: its plug-ins look for its symbols
    } catch (error) {
      if (error instanceof DistributedError) throw error;
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new DistributedError(`initProcessGroup: there is no MPI library among ${names.join(', ')} (${failures[0]!}); ${INSTALL}`);
}

function bind(koffi: Koffi, library: Library, name: string): Mpi {
  requireStack(koffi);
  const abi = abiOf(koffi, library, name);
  const handle = abi.handle;
  const number = koffi.out('int *');
  const func = <C>(symbol: string, ...args: readonly unknown[]): C => library.func(symbol, 'int', args) as unknown as C;
  return {
    abi,
    initThread: func('MPI_Init_thread', 'void *', 'void *', 'int', number),
    finalize: func('MPI_Finalize'),
    commRank: func('MPI_Comm_rank', handle, number),
    commSize: func('MPI_Comm_size', handle, number),
    setErrorHandler: func('MPI_Comm_set_errhandler', handle, handle),
    errorString: func('MPI_Error_string', 'int', 'void *', number),
    libraryVersion: func('MPI_Get_library_version', 'void *', number),
    startAllReduce: func('MPI_Iallreduce', 'void *', 'void *', 'int', handle, handle, handle, 'void *'),
    startReduce: func('MPI_Ireduce', 'void *', 'void *', 'int', handle, handle, 'int', handle, 'void *'),
    startBroadcast: func('MPI_Ibcast', 'void *', 'int', handle, 'int', handle, 'void *'),
    startAllGather: func('MPI_Iallgather', 'void *', 'int', handle, 'void *', 'int', handle, handle, 'void *'),
    startReduceScatter: func('MPI_Ireduce_scatter_block', 'void *', 'void *', 'int', handle, handle, handle, 'void *'),
    startGather: func('MPI_Igather', 'void *', 'int', handle, 'void *', 'int', handle, 'int', handle, 'void *'),
    startScatter: func('MPI_Iscatter', 'void *', 'int', handle, 'void *', 'int', handle, 'int', handle, 'void *'),
    startBarrier: func('MPI_Ibarrier', handle, 'void *'),
    test: func('MPI_Test', 'void *', number, 'uintptr_t'),
    allReduce: func('MPI_Allreduce', 'void *', 'void *', 'int', handle, handle, handle),
    splitByType: func('MPI_Comm_split_type', handle, 'int', 'int', handle, 'void *'),
    allocateShared: func('MPI_Win_allocate_shared', 'intptr_t', 'int', handle, handle, 'void *', 'void *'),
    queryShared: func('MPI_Win_shared_query', handle, 'int', 'void *', number, 'void *'),
    freeWindow: func('MPI_Win_free', 'void *'),
  };
}

function bindMemory(koffi: Koffi, library: Library, name: string): MemoryCalls & Pick<Koffi, 'view'> {
  const { handle, types, ops } = abiOf(koffi, library, name);
  const reduce = library.func('MPI_Reduce_local', 'int', ['void *', 'void *', 'int', handle, handle]) as unknown as Call<
    [from: Uint8Array, into: Uint8Array, count: number, type: Handle, op: Handle]
  >;
  const copy = library.func('memcpy', 'uintptr_t', ['void *', 'void *', 'size_t']) as unknown as Call<
    [to: Uint8Array, from: Uint8Array, bytes: number]
  >;
  return {
    view: (address, bytes) => koffi.view(address, bytes),
    copy: (to, from) => void copy(to, from, from.length),
    reduce: (from, into, count, dtype, op) => {
      const code = reduce(from, into, count, types[dtype], ops[op]);
      if (code !== 0) throw new DistributedError(`${op} of ${count} ${dtype}: MPI_Reduce_local gives error ${code}`);
    },
    ...sleeping(library),
  };
}

/** Linux's number of `futex`, by which threads of different processes wake one another. */
const FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98 };

function sleeping(library: Library): Pick<MemoryCalls, 'sleep' | 'wake'> {
  const futex = process.platform === 'linux' ? FUTEX[process.arch] : undefined;
  if (futex === undefined) {
    const bed = new Int32Array(new SharedArrayBuffer(4));
    return { sleep: () => void Atomics.wait(bed, 0, 0, 0.1), wake: () => undefined };
  }
  const call = library.func('syscall', 'long', ['long', 'void *', 'int', 'int', 'void *', 'void *', 'int']) as unknown as Call<
    [number: number, word: Int32Array, what: number, value: number, time: BigInt64Array | null, other: null, bits: number]
  >;
  const [wait, wake, everybody] = [0, 1, 0x7fff_ffff];
  return {
    sleep: (word, value, ms) => void call(futex, word, wait, value, BigInt64Array.of(0n, BigInt(ms) * 1_000_000n), null, 0),
    wake: (word) => void call(futex, word, wake, everybody, null, null, 0),
  };
}

function abiOf(koffi: Koffi, library: Library, name: string): Abi {
  const exported = (symbol: string): boolean => {
    try {
      library.symbol(symbol, 'void *');
      return true;
    } catch {
      return false; // koffi says by an error that there is none
    }
  };
  if (exported('ompi_mpi_comm_world')) return openMpi((symbol) => koffi.address(library.symbol(symbol, 'char')));
  if (exported('MPIR_Dup_fn')) return MPICH; // its header's MPI_DUP_FN, so all that share the interface have it
  throw new DistributedError(
    `initProcessGroup: ${name} is an MPI library of an unknown binary interface; use Open MPI, or MPICH and those that share its interface (Intel MPI, MVAPICH)`,
  );
}
