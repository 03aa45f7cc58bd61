/**
 * What the two binary interfaces of MPI libraries differ in. Handles are addresses of exported structures in Open MPI, whole numbers in MPICH and those
 * that share its interface (Intel MPI, MVAPICH, Cray MPT; https://www.mpich.org/abi).
 */
import type { DType } from '../../base/dtype.ts';
import type { ReduceOp } from '../process-group.ts';

export type Handle = number | bigint;

/** What MPI can add up; `bool` is a byte of 0 or 1. */
const MPI_DTYPES = ['float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'bool'] as const satisfies readonly DType[]; // prettier-ignore
export type MpiDType = (typeof MPI_DTYPES)[number];
export const isMpiDType = (dtype: DType): dtype is MpiDType => (MPI_DTYPES as readonly DType[]).includes(dtype);

export interface Abi {
  readonly name: 'Open MPI' | 'MPICH';
  /** How koffi takes a handle, and how many bytes a request has. */
  readonly handle: 'void *' | 'int';
  readonly requestBytes: number;
  readonly world: Handle;
  readonly errorsReturn: Handle;
  /** In the place of what is to send: it lies where results go. */
  readonly inPlace: bigint;
  /** The kind of communicators whose processes share memory, and no hints. */
  readonly sharedType: number;
  readonly noInfo: Handle;
  readonly types: Readonly<Record<MpiDType, Handle>>;
  readonly ops: Readonly<Record<ReduceOp, Handle>>;
}

/** @param addressOf the address of what the library exports under a name */
export const openMpi = (addressOf: (symbol: string) => Handle): Abi => ({
  name: 'Open MPI',
  handle: 'void *',
  requestBytes: 8,
  world: addressOf('ompi_mpi_comm_world'),
  errorsReturn: addressOf('ompi_mpi_errors_return'),
  inPlace: 1n,
  sharedType: 0,
  noInfo: addressOf('ompi_mpi_info_null'),
  types: {
    float32: addressOf('ompi_mpi_float'),
    float64: addressOf('ompi_mpi_double'),
    int8: addressOf('ompi_mpi_int8_t'),
    int16: addressOf('ompi_mpi_int16_t'),
    int32: addressOf('ompi_mpi_int32_t'),
    int64: addressOf('ompi_mpi_int64_t'),
    uint8: addressOf('ompi_mpi_uint8_t'),
    uint16: addressOf('ompi_mpi_uint16_t'),
    bool: addressOf('ompi_mpi_uint8_t'),
  },
  ops: {
    sum: addressOf('ompi_mpi_op_sum'),
    product: addressOf('ompi_mpi_op_prod'),
    min: addressOf('ompi_mpi_op_min'),
    max: addressOf('ompi_mpi_op_max'),
    band: addressOf('ompi_mpi_op_band'),
    bor: addressOf('ompi_mpi_op_bor'),
    bxor: addressOf('ompi_mpi_op_bxor'),
  },
});

export const MPICH: Abi = {
  name: 'MPICH',
  handle: 'int',
  requestBytes: 4,
  world: 0x44000000,
  errorsReturn: 0x54000001,
  inPlace: 0xffff_ffff_ffff_ffffn,
  sharedType: 1,
  noInfo: 0x1c000000,
  types: {
    float32: 0x4c00040a,
    float64: 0x4c00080b,
    int8: 0x4c000137,
    int16: 0x4c000238,
    int32: 0x4c000439,
    int64: 0x4c00083a,
    uint8: 0x4c00013b,
    uint16: 0x4c00023c,
    bool: 0x4c00013b,
  },
  ops: {
    max: 0x58000001,
    min: 0x58000002,
    sum: 0x58000003,
    product: 0x58000004,
    band: 0x58000006,
    bor: 0x58000008,
    bxor: 0x5800000a,
  },
};
