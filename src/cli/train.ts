/** `flambeau train`: trains a network on images and keeps the best. */
import { command } from './command.ts';
import { withConfig } from './config-file.ts';
import { launch, ownCommand } from './launch.ts';
import { dashed, UsageError } from './options.ts';
import { inProcesses, startedProcesses } from './processes.ts';
import { OF_SPEED, trainOptions } from './train-options.ts';
import { resumeRun, startRun } from './train-run.ts';

export const trainCommand = command({
  name: 'train',
  summary: 'Train a network on a folder or archive of images, MNIST, or CIFAR-10.',
  usage: 'train [DATA] [options]',
  details: `DATA is a folder, or a .zip, .tar, .tar.gz, .tar.zst or .tar.br archive, with one folder of images for each class,
or with train/ and test/ (and val/) that hold those; images with a .csv of their labels; the files of MNIST,
FashionMNIST, KMNIST, EMNIST, QMNIST, CIFAR-10, CIFAR-100, SVHN or STL-10; or those of Flowers102, Oxford-IIIT Pet,
Food-101, GTSRB, DTD, FGVC-Aircraft, Caltech 101 or ImageNet as torchvision lays them out. Without DATA, small pictures are
generated. Network, size of the images, augmentation, schedule and epochs follow from what the data is and from what a
step takes on this machine, unless options say otherwise. Every run gets a folder of its own with the best network as a PyTorch file (best.pt), what is needed to go on
(last.pt), a log (log.jsonl, log.csv), and a page that shows how good the network is and where it fails (report.html).

With --processes N, or started by flambeau run -n N or mpirun -n N, N processes share every batch (MPI has to be installed): the same steps as
one process makes, but for what is drawn at random in each (augmentation, dropout), and for batch normalisations without --sync-bn.`,
  arguments: { min: 0, max: 1 },
  options: trainOptions,
  run: async (parsed, terminal, argv) => {
    const { values, given, positionals } = withConfig(trainOptions, parsed);
    const [path] = positionals;
    if (values.json) terminal.onlyJson();
    const { resume, processes: wanted } = values;
    const decided = resume === undefined ? [] : [...given].filter((name) => !OF_SPEED.has(name));
    if (decided.length > 0)
      throw new UsageError(
        `flambeau train: a run that goes on keeps its settings; leave out ${decided.map((name) => `--${dashed(name)}`).join(', ')}`,
      );
    const started = startedProcesses();
    if (started === 1 && wanted !== undefined && wanted > 1)
      return await launch({ processes: wanted, command: ownCommand('train', ...argv), isAsked: true });
    if (wanted !== undefined && wanted !== started)
      throw new UsageError(`flambeau train: --processes ${wanted} in a program that was started ${started} times; leave it out`);
    return await inProcesses(values, terminal, async (processes, own) =>
      resume === undefined
        ? await startRun(path, { ...values, processes: processes?.size }, own, processes)
        : await resumeRun(resume, path, values, own, processes),
    );
  },
});
