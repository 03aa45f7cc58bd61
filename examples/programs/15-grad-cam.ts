/** Grad-CAM, activations by a forward hook and gradients by a full backward hook: after jacobgil/pytorch-grad-cam. */
import { arange, F, manualSeed, nn, randn, tensor, type Tensor } from 'flambeau';
import { models } from 'flambeau/vision';

class GradCAM {
  model: models.ResNet;
  gradients: Tensor | null = null;
  activations: Tensor | null = null;
  handles: { remove(): void }[];

  constructor(model: models.ResNet, targetLayer: nn.ModuleBase) {
    this.model = model;
    this.handles = [
      targetLayer.registerForwardHook((_module, _input, output) => {
        this.activations = (output as Tensor).detach();
      }),
      targetLayer.registerFullBackwardHook((_module, _gradInput, gradOutput) => {
        this.gradients = gradOutput[0]!.detach();
      }),
    ];
  }

  call(inputTensor: Tensor, targetCategory: Tensor | null = null): Tensor {
    this.model.zeroGrad();
    const output = this.model(inputTensor);
    targetCategory ??= output.argmax(1);
    const loss = output.at(arange(output.size(0)), targetCategory).sum();
    losses.push(loss.item());
    loss.backward({ retainGraph: true });
    const weights = this.gradients!.mean([2, 3], true);
    let cam: Tensor = weights.mul(this.activations!).sum(1, true);
    cam = F.relu(cam);
    cam = F.interpolate(cam, {
      size: [inputTensor.size(2), inputTensor.size(3)],
      mode: 'bilinear',
      alignCorners: false,
    });
    cam = cam.sub(cam.amin([2, 3], true));
    cam = cam.div(cam.amax([2, 3], true).add(1e-8));
    return cam;
  }

  remove(): void {
    for (const handle of this.handles) handle.remove();
  }
}

manualSeed(0);
export const losses: number[] = [];
const model = models.resnet18({ numClasses: 10 });
model.eval();
const inputTensor = randn(2, 3, 64, 64, { requiresGrad: true });
for (const targetLayer of [model.layer4.at(-1), model.layer3.at(-1)]) {
  const cam = new GradCAM(model, targetLayer);
  for (const targetCategory of [null, tensor([3n, 7n])]) {
    const grayscaleCam = cam.call(inputTensor, targetCategory);
    losses.push(grayscaleCam.mean().item(), grayscaleCam.std().item(), grayscaleCam.at(0, 0, 32, '::16').sum().item());
  }
  cam.remove();
}
losses.push(inputTensor.grad!.norm().item());
console.log(losses);
