/** Opening a file of weights or an ONNX model, which is read in the worker beside the runs. */
import { batch, signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { callHelper } from '../../state/helper.ts';
import { classes, fittingWeights, network, startWeights } from '../../state/project.ts';
import { change } from './edits.ts';
import { messageOf } from '../../../core/failure.ts';

type Said = { readonly kind: 'busy' | 'done' | 'failed'; readonly lines: readonly string[] };
const said = signal<Said | undefined>(undefined);
/** More would not fit into a page's memory together with its training. */
const LARGEST = 300 * 2 ** 20;

async function openModel(file: File): Promise<void> {
  if (file.size > LARGEST) {
    said.value = {
      kind: 'failed',
      lines: [`${file.name} has ${Math.round(file.size / 2 ** 20)} MB; files of up to 300 MB can be opened here.`],
    };
    return;
  }
  said.value = { kind: 'busy', lines: [`Reading ${file.name} …`] };
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const [spec, count] = [network.value, Math.max(1, classes.value.length)];
    const read = await callHelper('readModelFile', bytes, file.name, spec, count);
    const blocks = read.isNew ? [`${file.name} became ${read.network.layers.length} blocks.`] : [];
    batch(() => {
      if (read.isNew) change(`Opened ${file.name}`, { network: read.network });
      startWeights.value = read.weights && { name: file.name, weights: read.weights };
      said.value = { kind: 'done', lines: [...blocks, ...read.notes, ...(read.weights ? [] : ['Its weights were not taken over.'])] };
    });
  } catch (error) {
    const message = messageOf(error);
    said.value = { kind: 'failed', lines: [/[.!?]$/.test(message) ? message : `${message}.`, 'Nothing was changed.'] };
  }
}

export function OpenModel() {
  const input = useRef<HTMLInputElement>(null);
  const { kind, lines = [] } = said.value ?? {};
  const dropped = (event: DragEvent): void => {
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    void openModel(file);
  };
  return (
    <div class="open-model" onDragOver={(event) => event.preventDefault()} onDrop={dropped}>
      <button type="button" disabled={kind === 'busy'} onClick={() => input.current?.click()}>
        Open a model file
      </button>
      <span class="help">
        A .pt or .safetensors file of weights (a state dict), or an .onnx file. Weights that fit your blocks are loaded into them; otherwise
        the blocks are made from the file. It stays on your machine.
      </span>
      <input
        ref={input}
        type="file"
        hidden
        aria-label="Model file"
        accept=".pt,.pth,.ckpt,.bin,.safetensors,.npz,.onnx"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (file !== undefined) void openModel(file);
        }}
      />
      <div class={kind === 'failed' ? 'error' : undefined} role="status">
        {lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    </div>
  );
}

const SAVED = `import torch, torchvision
net = torchvision.models.mobilenet_v2(weights="DEFAULT")
torch.save(net.state_dict(), "mobilenet_v2.pt")`;

/** Frozen blocks without weights that somebody has trained find nothing in particular. */
export function FrozenNeeds() {
  if (!network.value.layers.some(({ kind }) => kind === 'mobileNetV2') || fittingWeights.value !== undefined) return null;
  return (
    <section class="card frozen-needs" aria-labelledby="frozen-needs-title">
      <h3 id="frozen-needs-title">This network wants a file of weights</h3>
      <p>
        Its frozen block is not trained here, so it is only as good as the weights that you give it: those of a MobileNetV2 that was trained
        on photos. The laboratory loads nothing from the internet. With Python on your machine, these lines write the file:
      </p>
      <pre>{SAVED}</pre>
      <p>
        Then open it with “Open a model file” (a .safetensors file of torchvision’s MobileNetV2 does as well). Without a file, the block has
        random weights: next to nothing can be learned from what it finds.
      </p>
    </section>
  );
}

/** That runs begin with weights of a file, as long as they do. */
export function StartWeightsLine() {
  const start = startWeights.value;
  if (start === undefined) return null;
  const fitting = fittingWeights.value?.size ?? 0;
  return (
    <p class="card start-weights" role="status">
      {fitting > 0 ? (
        <span>
          Training begins with the weights of <b>{start.name}</b>
          {fitting < start.weights.size ? ', but for the last block' : ''}.
        </span>
      ) : (
        <span>
          The weights of <b>{start.name}</b> do not fit these blocks, so training begins with those of the seed.
        </span>
      )}
      <button type="button" onClick={() => (startWeights.value = undefined)}>
        Forget them
      </button>
    </p>
  );
}
