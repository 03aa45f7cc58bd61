/** The machine's MPI library, called through koffi: no addon and no compiler. */
import { createRequire } from 'node:module';
import { DistributedError } from '../../base/errors.ts';
import type { Launch } from '../environment.ts';
import { MPICH, openMpi, type Abi, type Handle } from './abi.ts';

type Call<A extends readonly unknown[]> = (...args: A) => number;
type Memory = Uint8Array | bigint;

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
  readonly startAllReduce: Call<[send: Memory, receive: Memory, count: number, type: Handle, op: Handle, comm: Handle, request: Uint8Array]>; // prettier-ignore
  readonly startReduce: Call<[send: Memory, receive: Memory, count: number, type: Handle, op: Handle, root: number, comm: Handle, request: Uint8Array]>; // prettier-ignore
  readonly startBroadcast: Call<[data: Memory, count: number, type: Handle, root: number, comm: Handle, request: Uint8Array]>; // prettier-ignore
  readonly startAllGather: Call<[send: Memory, sent: number, sendType: Handle, receive: Memory, received: number, type: Handle, comm: Handle, request: Uint8Array]>; // prettier-ignore
  readonly startReduceScatter: Call<[send: Memory, receive: Memory, count: number, type: Handle, op: Handle, comm: Handle, request: Uint8Array]>; // prettier-ignore
  readonly startBarrier: Call<[comm: Handle, request: Uint8Array]>;
  readonly test: Call<[request: Uint8Array, flag: number[], status: bigint]>;
}

interface Library {
  func(name: string, result: string, args: readonly unknown[]): (...args: never[]) => number;
  symbol(name: string, type: string): unknown;
}

interface Koffi {
  load(path: string, options?: { global?: boolean }): Library;
  config(): Record<string, unknown>;
  config(options: Record<string, unknown>): void;
  out(type: unknown): unknown;
  address(value: unknown): bigint;
}

const OPEN_MPI = ['libmpi.so.40', 'libmpi.so.80', 'libmpi.40.dylib'];
const MPICH_NAMES = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.12.dylib', 'libmpi.12.dylib'];

/** Files to try, that of the launcher first: a program that Open MPI has started is alone to MPICH. */
export function libraryNames(launcher: Launch['launcher'] | undefined, named = process.env['FLAMBEAU_MPI']): string[] {
  if (named !== undefined && named !== '') return [named];
  return launcher === 'MPICH' ? [...MPICH_NAMES, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH_NAMES];
}

const INSTALL = 'install one, such as the package openmpi-bin or mpich of Debian and Ubuntu, or name the file of its library in FLAMBEAU_MPI'; // prettier-ignore

/**
 * Loads the first library of those that there is, and binds its functions.
 * @throws DistributedError where koffi is not installed, or there is no MPI, or it is of an unknown interface
 */
export function loadMpi(names: readonly string[]): Mpi {
  const koffi = loadKoffi();
  const failures: string[] = [];
  for (const name of names) {
    try {
      return bind(koffi, koffi.load(name, { global: true }), name); // global: its plug-ins look for its symbols
    } catch (error) {
      if (error instanceof DistributedError) throw error;
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new DistributedError(`initProcessGroup: there is no MPI library among ${names.join(', ')} (${failures[0]!}); ${INSTALL}`); // prettier-ignore
}

function loadKoffi(): Koffi {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    // MPICH needs more than koffi's own 1 MB and 128 KB, and ends the process without a word where it has less.
    koffi.config({ ...koffi.config(), sync_stack_size: 8 << 20, async_stack_size: 4 << 20 });
    return koffi;
  } catch (cause) {
    throw new DistributedError('initProcessGroup: koffi, by which MPI is called, cannot be loaded; npm install koffi', { cause }); // prettier-ignore
  }
}

function bind(koffi: Koffi, library: Library, name: string): Mpi {
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
    startBarrier: func('MPI_Ibarrier', handle, 'void *'),
    test: func('MPI_Test', 'void *', number, 'uintptr_t'),
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
  throw new DistributedError(`initProcessGroup: ${name} is an MPI library of an unknown binary interface; use Open MPI, or MPICH and those that share its interface (Intel MPI, MVAPICH)`); // prettier-ignore
}
