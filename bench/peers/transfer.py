"""
.venv/bin/python bench/peers/transfer.py FOLDER [--epochs 25] [--threads 2]

The recipe of PyTorch's transfer learning tutorial without weights, on FOLDER/train and FOLDER/test: ResNet-18, random stretches at 224 and flips, batches of 4, SGD with rate
0.001 and momentum 0.9, a tenth of the rate after every 7 epochs (https://pytorch.org/tutorials/beginner/transfer_learning_tutorial.html). Prints the test accuracy of every epoch.
"""
import argparse, sys, time
sys.path.pop(0)  # or torchvision takes the file pytorch.py beside this one for a module of its own
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models
from torchvision import transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
torch.manual_seed(0)
torch.set_num_threads(options.threads)
tail = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
train = datasets.ImageFolder(f"{options.folder}/train", T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), *tail]))
test = datasets.ImageFolder(f"{options.folder}/test", T.Compose([T.Resize(256), T.CenterCrop(224), *tail]))
batches, tests = DataLoader(train, 4, shuffle=True), DataLoader(test, 32)
model = models.resnet18(num_classes=len(train.classes))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.1)
start, best = time.time(), 0.0
for epoch in range(1, options.epochs + 1):
    model.train()
    for images, labels in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    schedule.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in tests)
    accuracy = right / len(test)
    best = max(best, accuracy)
    print(f"epoch {epoch}: {accuracy:.1%} of {len(test)}, best {best:.1%}, {time.time() - start:.0f} s", flush=True)
