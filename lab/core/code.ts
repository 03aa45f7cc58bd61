/**
 * A setup as a whole program, in TypeScript and in PyTorch. Both do exactly what `session.ts` does (seed, order in which weights are drawn, shuffling,
 * normalisation, loss, optimizer), so they print the losses that the laboratory shows.
 */
import { ruleOf } from './layers.ts';
import { IMAGENET } from './mobilenet.ts';
import { shortcutOf } from './modules.ts';
import { check, type BlockShape } from './shapes.ts';
import type { LayerKind, LayerSpec, NetworkSpec, Setup, TrainingSpec } from './spec.ts';

export type Language = 'typescript' | 'pytorch';

export interface ProgramOptions {
  /** Starts from the weights in weights.pt instead of those that the seed gives. */
  readonly weights?: boolean;
}

/** How a language writes what the network is made of. */
interface Writing {
  readonly call: (className: string, args: readonly string[], named: readonly (readonly [string, string])[]) => string;
  readonly value: (value: number | boolean) => string;
  /** A call that goes over several lines, its arguments indented by `indent`. */
  readonly block: (className: string, args: readonly string[], indent: string) => string;
  readonly step: string;
}

const TYPESCRIPT: Writing = {
  call(className, args, named) {
    const options = named.length === 0 ? [] : [`{ ${named.map(([name, value]) => `${name}: ${value}`).join(', ')} }`];
    return `new ${className}(${[...args, ...options].join(', ')})`;
  },
  value: String,
  block: (className, args, indent) => `new ${className}(\n${args.map((arg) => `${indent}  ${arg},\n`).join('')}${indent})`,
  step: '  ',
};

const PYTORCH: Writing = {
  call(className, args, named) {
    const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return `${className}(${[...args, ...named.map(([name, value]) => `${snake(name)}=${value}`)].join(', ')})`;
  },
  value: (value) => (typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)),
  block: (className, args, indent) => `${className}(\n${args.map((arg) => `${indent}    ${arg},\n`).join('')}${indent})`,
  step: '    ',
};

/** The network alone: `nn.Sequential(…)`. Blocks that do not fit are left out. */
export function networkCode(network: NetworkSpec, classes: number, language: Language): string {
  const writing = language === 'typescript' ? TYPESCRIPT : PYTORCH;
  return sequential(network.layers, check(network, classes).blocks, classes, writing, '');
}

function sequential(
  layers: readonly LayerSpec[],
  blocks: readonly BlockShape[],
  classes: number,
  writing: Writing,
  indent: string,
): string {
  const lines = layers.flatMap((layer, i) => {
    const block = blocks[i];
    return block?.input === undefined || block.error !== undefined
      ? []
      : [written(layer, block.input, block, classes, writing, indent + writing.step)];
  });
  return lines.length === 0 ? writing.call('nn.Sequential', [], []) : writing.block('nn.Sequential', lines, indent);
}

function written(
  layer: LayerSpec,
  input: readonly number[],
  block: BlockShape | undefined,
  classes: number,
  writing: Writing,
  indent: string,
): string {
  if (layer.kind === 'mobileNetV2') return writing.call(MOBILENET, [], []);
  if (layer.kind !== 'residual') {
    const { className, args, named } = ruleOf(layer).code(layer, { shape: input, classes });
    const pairs = Object.entries(named).map(([name, value]) => [name, writing.value(value)] as const);
    return writing.call(`nn.${className}`, args.map(writing.value), pairs);
  }
  const inner = block?.inner ?? [];
  const branch = sequential(layer.layers, inner, classes, writing, indent + writing.step);
  const way = shortcutOf(input, block?.output ?? input);
  const shortcut = way === undefined ? writing.call('nn.Identity', [], []) : written(way, input, undefined, classes, writing, indent);
  return writing.block('Residual', [branch, shortcut], indent);
}

/** A program that trains the network of a setup on the pictures of pictures.pt, beside it. */
export function programOf(setup: Setup, language: Language, options: ProgramOptions = {}): string {
  return language === 'typescript' ? typescriptProgram(setup, options) : pytorchProgram(setup, options);
}

const has = ({ layers }: NetworkSpec, wanted: LayerKind): boolean =>
  layers.some((layer) => layer.kind === wanted || (layer.kind === 'residual' && layer.layers.some(({ kind }) => kind === wanted)));
/** What both programs call the block. */
const MOBILENET = 'MobileNetFeatures';
/** At least one, as the laboratory builds networks before there are classes. */
const classesOf = (setup: Setup): number => Math.max(1, setup.classes.length);
/** A name on one line of a comment. */
const plainName = (name: string): string => name.replace(/[^\p{L}\p{N} .,'()+-]/gu, ' ').trim();

function optimizerCode({ optimizer, lr, momentum, weightDecay }: TrainingSpec, writing: Writing, parameters: string) {
  const named: (readonly [string, string])[] = [['lr', writing.value(lr)]];
  if (optimizer === 'sgd' && momentum !== 0) named.push(['momentum', writing.value(momentum)]);
  // AdamW's own is 0.01, the others' 0.
  if (weightDecay !== (optimizer === 'adamw' ? 0.01 : 0)) named.push(['weightDecay', writing.value(weightDecay)]);
  const className = { sgd: 'SGD', adam: 'Adam', adamw: 'AdamW' }[optimizer];
  return writing.call(`optim.${className}`, [parameters], named);
}

const TYPESCRIPT_RESIDUAL = `
/** The input plus what the branch makes of it. */
class Residual extends nn.Module {
  readonly branch: nn.Sequential;
  readonly shortcut: nn.Module;

  constructor(branch: nn.Sequential, shortcut: nn.Module) {
    super();
    this.branch = branch;
    this.shortcut = shortcut;
  }

  forward(x: Tensor): Tensor {
    return this.branch(x).add(this.shortcut(x));
  }
}
`;

const numbers = (values: readonly number[]): string => `[${values.join(', ')}]`;
const TYPESCRIPT_MOBILENET = `
/** The convolutions of MobileNetV2, which stay as they are; they take pictures as ImageNet's. */
class ${MOBILENET} extends nn.Module {
  readonly features = models.mobilenet_v2().features;

  constructor() {
    super();
    this.requiresGrad_(false);
  }

  forward(x: Tensor): Tensor {
    this.features.eval();
    const [mean, spread] = [${numbers(IMAGENET.mean)}, ${numbers(IMAGENET.spread)}].map((values) => tensor(values).view(1, 3, 1, 1));
    return this.features(x.mul(0.5).add(0.5).sub(mean!).div(spread!));
  }
}
`;

function typescriptProgram(setup: Setup, { weights = false }: ProgramOptions): string {
  const { network, training } = setup;
  return `// ${plainName(network.name)}, trained on the pictures of pictures.pt, which lies beside this program.
// Made by the Flambeau laboratory. Run it in Node: npm install flambeau tsx && npx tsx train.mts
import { compile, manualSeed, nn, noGrad, optim, ${has(network, 'mobileNetV2') ? 'tensor, ' : ''}type Tensor } from 'flambeau';
import { DataLoader, TensorDataset } from 'flambeau/data';
import { load } from 'flambeau/node';
${has(network, 'mobileNetV2') ? "import { models } from 'flambeau/vision';\n" : ''}${has(network, 'residual') ? TYPESCRIPT_RESIDUAL : ''}${has(network, 'mobileNetV2') ? TYPESCRIPT_MOBILENET : ''}
/** Bytes to numbers between -1 and 1. */
const normalised = (images: Tensor): Tensor => images.float().div(255).sub(0.5).div(0.5);

const pictures = load('pictures.pt');
const [trainX, trainY] = [normalised(pictures.get('images')), pictures.get('labels') as Tensor];
const [validX, validY] = [normalised(pictures.get('valid_images')), pictures.get('valid_labels') as Tensor];

manualSeed(${training.seed});
const network = ${networkCode(network, classesOf(setup), 'typescript')};
${weights ? "network.loadStateDict(load('weights.pt'), { strict: false }); // what it begins with\n" : ''}const criterion = new nn.CrossEntropyLoss();
const optimizer = ${optimizerCode(training, TYPESCRIPT, 'network.parameters()')};

const trainStep = compile((x: Tensor, y: Tensor) => {
  optimizer.zeroGrad();
  const loss = criterion(network(x), y);
  loss.backward();
  optimizer.step();
  return loss;
});

const loader = new DataLoader(new TensorDataset(trainX, trainY), { batchSize: ${training.batchSize}, shuffle: true });
let step = 0;
for (let epoch = 1; epoch <= ${training.epochs}; epoch++) {
  network.train();
  for await (const [x, y] of loader) {
    const loss = trainStep(x, y);
    console.log(\`step \${++step}: loss \${loss.item().toFixed(6)}\`);
  }
  if (validY.numel() === 0) continue;
  network.eval();
  noGrad(() => {
    const scores = network(validX);
    const accuracy = scores.argmax(1).eq(validY).float().mean().item();
    const loss = criterion(scores, validY).item();
    console.log(\`epoch \${epoch}: kept aside: loss \${loss.toFixed(6)}, accuracy \${accuracy.toFixed(4)}\`);
  });
}
`;
}

const PYTORCH_RESIDUAL = `
class Residual(nn.Module):
    """The input plus what the branch makes of it."""

    def __init__(self, branch, shortcut):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x):
        return self.branch(x) + self.shortcut(x)

`;

const PYTORCH_MOBILENET = `
class ${MOBILENET}(nn.Module):
    """The convolutions of MobileNetV2, which stay as they are; they take pictures as ImageNet's."""

    def __init__(self):
        super().__init__()
        self.features = models.mobilenet_v2().features
        self.requires_grad_(False)

    def forward(self, x):
        self.features.eval()
        mean = torch.tensor(${numbers(IMAGENET.mean)}).view(1, 3, 1, 1)
        spread = torch.tensor(${numbers(IMAGENET.spread)}).view(1, 3, 1, 1)
        return self.features((x * 0.5 + 0.5 - mean) / spread)

`;

function pytorchProgram(setup: Setup, { weights = false }: ProgramOptions): string {
  const { network, training } = setup;
  return `# ${plainName(network.name)}, trained on the pictures of pictures.pt, which lies beside this program.
# Made by the Flambeau laboratory. Run it with: python train.py
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
${has(network, 'mobileNetV2') ? 'from torchvision import models\n' : ''}
${has(network, 'residual') ? PYTORCH_RESIDUAL : ''}${has(network, 'mobileNetV2') ? PYTORCH_MOBILENET : ''}
def normalised(images):
    """Bytes to numbers between -1 and 1."""
    return (images.float() / 255 - 0.5) / 0.5


pictures = torch.load("pictures.pt")
train_x, train_y = normalised(pictures["images"]), pictures["labels"]
valid_x, valid_y = normalised(pictures["valid_images"]), pictures["valid_labels"]

torch.manual_seed(${training.seed})
model = ${networkCode(network, classesOf(setup), 'pytorch')}
${weights ? 'model.load_state_dict(torch.load("weights.pt"), strict=False)  # what it begins with\n' : ''}criterion = nn.CrossEntropyLoss()
optimizer = ${optimizerCode(training, PYTORCH, 'model.parameters()')}

loader = DataLoader(TensorDataset(train_x, train_y), batch_size=${training.batchSize}, shuffle=True)
step = 0
for epoch in range(1, ${training.epochs + 1}):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        step += 1
        print(f"step {step}: loss {loss.item():.6f}")
    if len(valid_y) == 0:
        continue
    model.eval()
    with torch.no_grad():
        scores = model(valid_x)
        loss = criterion(scores, valid_y).item()
        accuracy = (scores.argmax(1) == valid_y).float().mean().item()
        print(f"epoch {epoch}: kept aside: loss {loss:.6f}, accuracy {accuracy:.4f}")
`;
}
