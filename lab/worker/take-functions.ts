/** What a worker makes for people to take away: of its run, or without one of the initial weights. */
import type { Session } from '../core/session.ts';
import type { Setup } from '../core/spec.ts';
import { copyOf, onnxFile, pageParts, weightsFile } from '../core/take/files.ts';
import { reportFile, type ReportRequest } from '../core/take/report.ts';

export type TakenKind = 'pt' | 'safetensors' | 'onnx';

export function takeFunctions(session: () => Session | undefined) {
  /** The network that the run has now, or before any the one of the seed. */
  const networkOf = ({ network, classes, training }: Setup) =>
    copyOf(network, classes.length, training.seed, session()?.network.stateDict());

  return {
    takeFile(kind: TakenKind, setup: Setup): Uint8Array {
      const network = networkOf(setup);
      return kind === 'onnx' ? onnxFile(network, setup.network, setup.classes) : weightsFile(network, kind);
    },
    takePage: (setup: Setup) => pageParts(networkOf(setup), setup.network, setup.classes),
    takeReport(setup: Setup, request: ReportRequest): Promise<string> {
      const own = session();
      if (own === undefined) throw new Error('there is no run to report on: train first');
      return reportFile(networkOf(setup), own.train, own.valid, request);
    },
  };
}
