/** The machine's `mpirun`: which MPI it is of, and what it is told so that programs of Flambeau run well under it. */
import { spawnSync } from 'node:child_process';
import { DistributedError } from '../base/errors.ts';

export type MpiKind = 'openmpi' | 'mpich';

export interface Mpirun {
  readonly kind: MpiKind;
  /** A name on the search path, or a file. */
  readonly path: string;
}

/** What is started, and where. */
export interface Job {
  readonly processes: number;
  readonly hosts?: string | undefined;
  readonly hostfile?: string | undefined;
  /** Whether each line says which process has written it. */
  readonly tag?: boolean;
  /** The program with its arguments. */
  readonly command: readonly string[];
}

/** Debian's names say which MPI it is; Fedora keeps its own out of the search path. */
const NAMES: { readonly [K in MpiKind]: readonly string[] } = {
  openmpi: ['mpirun.openmpi', '/usr/lib64/openmpi/bin/mpirun'],
  mpich: ['mpirun.mpich', 'mpiexec.hydra', '/usr/lib64/mpich/bin/mpirun'],
};

/** What a program says of itself. */
function kindOf(path: string): MpiKind | undefined {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] });
  if (status !== 0) return undefined;
  if (/Open ?MPI|OpenRTE|PRRTE|prterun/i.test(stdout)) return 'openmpi';
  return /hydra|mpich|Intel\(R\) MPI|mvapich/i.test(stdout) ? 'mpich' : undefined;
}

const INSTALL: { readonly [K in MpiKind]: string } = {
  openmpi: 'apt-get install openmpi-bin (Debian, Ubuntu), dnf install openmpi (Fedora), brew install open-mpi (macOS)',
  mpich: 'apt-get install mpich (Debian, Ubuntu), dnf install mpich (Fedora), brew install mpich (macOS)',
};

/**
 * The `mpirun` to start programs with: the one on the search path, or that of the MPI which is wanted.
 * @throws DistributedError where there is none; it says what to install
 */
export function findMpirun(wanted?: MpiKind): Mpirun {
  const names = ['mpirun', 'mpiexec', ...(wanted === undefined ? [...NAMES.openmpi, ...NAMES.mpich] : NAMES[wanted])];
  for (const path of names) {
    const kind = kindOf(path);
    if (kind !== undefined && (wanted ?? kind) === kind) return { kind, path };
  }
  const name = wanted === undefined ? 'MPI' : wanted === 'openmpi' ? 'Open MPI' : 'MPICH';
  throw new DistributedError(
    `there is no mpirun of ${name} here, which starts several processes; to install it: ${INSTALL[wanted ?? 'openmpi']}`,
  );
}

/** `a,b` as `a:2,b:2`: as many on each as it takes. */
function withSlots(hosts: string, processes: number): string {
  const names = hosts.split(',');
  const each = Math.ceil(processes / names.length);
  return names.map((name) => (name.includes(':') ? name : `${name}:${each}`)).join(',');
}

/** What other hosts are to be told of the environment; MPICH tells all of it. */
const PASSED_ON = /^(FLAMBEAU|NODE|UV|UCX)_/;

/** The arguments of `mpirun`. */
export function mpirunArguments({ kind }: Mpirun, job: Job, env: NodeJS.ProcessEnv): string[] {
  const { processes, hosts, hostfile, tag = false, command } = job;
  const slots = hosts === undefined ? undefined : withSlots(hosts, processes);
  const count = ['-n', String(processes)];
  if (kind === 'mpich') {
    const where = [...(slots === undefined ? [] : ['-hosts', slots]), ...(hostfile === undefined ? [] : ['-f', hostfile])];
    return [...count, ...where, ...(tag ? ['-prepend-rank'] : []), ...command];
  }
  const where = [...(slots === undefined ? [] : ['--host', slots]), ...(hostfile === undefined ? [] : ['--hostfile', hostfile])];
  const variables =
    where.length === 0
      ? []
      : Object.keys(env)
          .filter((name) => PASSED_ON.test(name))
          .flatMap((name) => ['-x', name]);
  return [...count, ...where, ...variables, ...(tag ? ['--tag-output'] : []), ...command];
}

/**
 * Settings of Open MPI 4 (OMPI) and 5 (PRTE) as variables, so that what a user has set stays: more processes than processors are no error, none is bound to a part
 * of them (threads share them out), a process that waits lets others run, and Open MPI 4 does not explain at length that a program has ended with an error, which has been said (5 always does).
 */
const OPEN_MPI = {
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  OMPI_MCA_hwloc_base_binding_policy: 'none',
  OMPI_MCA_mpi_yield_when_idle: '1',
  OMPI_MCA_orte_execute_quiet: '1',
  PRTE_MCA_rmaps_default_mapping_policy: 'slot:oversubscribe', // ':oversubscribe' alone puts all on the first host
  PRTE_MCA_hwloc_default_binding_policy: 'none',
};
/** The same for Intel MPI, which else binds each process to its part of the processors. */
const INTEL_MPI = { I_MPI_PIN: '0' };
/** In containers everybody is root. */
const OF_ROOT = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  PRTE_ALLOW_RUN_AS_ROOT: '1',
  PRTE_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
};

/** Hosts that do not answer ssh are given up, rather than waited for for minutes. */
const SSH = '-o ConnectTimeout=20 -o ServerAliveInterval=10 -o ServerAliveCountMax=3';
/** Where ssh is not what starts processes on other hosts: another program was named, or a job system does it. */
const NO_SSH =
  /^(OMPI_MCA_plm|PRTE_MCA_plm|HYDRA_(LAUNCHER|BOOTSTRAP)|I_MPI_HYDRA_BOOTSTRAP|SLURM_JOB|PBS_JOB|LSB_JOB|PE_HOSTFILE|COBALT_JOB)/;

function sshSettings(kind: MpiKind, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (Object.keys(env).some((name) => NO_SSH.test(name))) return {};
  return kind === 'mpich'
    ? { HYDRA_LAUNCHER_EXTRA_ARGS: SSH, I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS: SSH }
    : { OMPI_MCA_plm_rsh_args: SSH, PRTE_MCA_plm_ssh_args: SSH };
}

/** The environment that `mpirun` gets. */
export function mpirunEnvironment({ kind }: Mpirun, env: NodeJS.ProcessEnv, isRoot: boolean): NodeJS.ProcessEnv {
  const ssh = sshSettings(kind, env);
  if (kind === 'mpich') return { ...INTEL_MPI, ...ssh, ...env };
  return { ...OPEN_MPI, ...(isRoot ? OF_ROOT : {}), ...ssh, ...env };
}
