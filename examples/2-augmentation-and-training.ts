/**
 * Tutorial 2: Convolutional Layers in PyTorch, with image augmentation and training, in TypeScript.
 *
 * Its first half is tutorial 1's. This program runs the rest: the augmenting transforms, the loaders with 20 % of the
 * training set for validation, the GPU question, the network, and the training loop as written there, with the best model
 * saved as model_augmented.pt.
 *
 * The document leaves `train_data`, the network and the sampler open: here they are generated pictures of shapes, so that
 * nothing has to be downloaded, Udacity's three-convolution network that the document shortens to `...`, and a
 * SubsetRandomSampler. The document trains for 30 epochs; the program for 15, or as many as EPOCHS says.
 */
import { cuda, data, F, manualSeed, nn, noGrad, optim, randperm, type Tensor } from 'flambeau';
import { load, save } from 'flambeau/node';
import { datasets, transforms } from 'flambeau/vision';

manualSeed(0);

console.log('## Image Augmentation');
// Number of workers to use for data loading
const numWorkers = 0;
// How many samples per batch to load
const batchSize = 20;
// Percentage of training set to use as validation
const validSize = 0.2;

// convert data to a normalized float tensor
const transform = new transforms.Compose([
  new transforms.RandomHorizontalFlip(),
  new transforms.RandomRotation(10),
  new transforms.ToTensor(),
  new transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
]);
console.log(String(transform));

const trainData = new datasets.GeneratedShapes({ transform });

// Prepare data loaders (split the data set)
const order = randperm(trainData.length, { dtype: 'int32' }).tolist() as number[];
const split = Math.floor(validSize * trainData.length);
const trainSampler = new data.SubsetRandomSampler(order.slice(split));
const validSampler = new data.SubsetRandomSampler(order.slice(0, split));
const trainLoader = new data.DataLoader(trainData, { batchSize, sampler: trainSampler, numWorkers });
const validLoader = new data.DataLoader(trainData, { batchSize, sampler: validSampler, numWorkers });

// Get some random training images
for await (const [images, labels] of trainLoader) {
  console.log('images', images.shape, 'labels', labels.shape);
  break;
}

console.log('\n## Training on GPU or CPU');
// Check if CUDA is available
const trainOnGpu = cuda.isAvailable();

if (trainOnGpu) {
  console.log('CUDA is available!  Training on GPU ...');
} else {
  console.log('CUDA is not available.  Training on CPU ...');
}

// Define the CNN architecture
class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 3, { padding: 1 });
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
  conv3 = new nn.Conv2d(32, 64, 3, { padding: 1 });
  pool = new nn.MaxPool2d(2, 2);
  fc1 = new nn.Linear(64 * 4 * 4, 500);
  fc2 = new nn.Linear(500, trainData.classes.length);
  dropout = new nn.Dropout(0.25);

  forward(x: Tensor): Tensor {
    x = this.pool(F.relu(this.conv1(x)));
    x = this.pool(F.relu(this.conv2(x)));
    x = this.pool(F.relu(this.conv3(x)));
    x = x.view(-1, 64 * 4 * 4);
    x = this.dropout(x);
    x = F.relu(this.fc1(x));
    x = this.dropout(x);
    x = this.fc2(x);
    return x;
  }
}

const model = new Net();
console.log(model);

// Move tensors to GPU if CUDA is available
if (trainOnGpu) model.cuda();

// Specify loss function (categorical cross-entropy)
const criterion = new nn.CrossEntropyLoss();

// Specify optimizer
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });

console.log('\n## Train the Model');
// Number of epochs to train the model
const nEpochs = Number(process.env['EPOCHS'] ?? 15);

let validLossMin = Infinity; // track change in validation loss

for (let epoch = 1; epoch <= nEpochs; epoch++) {
  // Keep track of training and validation loss
  let trainLoss = 0.0;
  let validLoss = 0.0;

  ///////////////////
  // Train the model
  ///////////////////
  model.train();
  for await (const [images, target] of trainLoader) {
    // Clear the gradients of all optimized variables
    optimizer.zeroGrad();
    // Forward pass: compute predicted outputs by passing inputs to the model
    const output = model(images);
    // Calculate the batch loss
    const loss = criterion(output, target);
    // Backward pass: compute gradient of the loss with respect to model parameters
    loss.backward();
    // Perform a single optimization step (parameter update)
    optimizer.step();
    // Update training loss
    trainLoss += loss.item() * images.size(0);
  }

  //////////////////////
  // Validate the model
  //////////////////////
  model.eval();
  for await (const [images, target] of validLoader) {
    // Forward pass: compute predicted outputs by passing inputs to the model
    const output = noGrad(() => model(images));
    // Calculate the batch loss
    const loss = criterion(output, target);
    // Update average validation loss
    validLoss += loss.item() * images.size(0);
  }

  // Calculate average losses. The document divides by the size of the whole data set, which both loaders share; the
  // averages are over what each loader goes through.
  trainLoss = trainLoss / trainSampler.length;
  validLoss = validLoss / validSampler.length;

  // Print training/validation statistics. (The document prints the validation loss twice; the first is meant to be the
  // training loss.)
  console.log(`Epoch: ${epoch} \tTraining Loss: ${trainLoss.toFixed(6)} \tValidation Loss: ${validLoss.toFixed(6)}`);

  // Save model if validation loss has decreased
  if (validLoss <= validLossMin) {
    console.log(
      `Validation loss decreased (${validLossMin === Infinity ? 'inf' : validLossMin.toFixed(6)} --> ${validLoss.toFixed(6)}).  Saving model ...`,
    );
    save(model.stateDict(), 'model_augmented.pt');
    validLossMin = validLoss;
  }
}

console.log('\n## Read it back');
const restored = new Net();
restored.loadStateDict(load('model_augmented.pt'));
restored.eval();
let correct = 0;
for await (const [images, target] of validLoader) {
  const predicted = noGrad(() => restored(images)).argmax(1);
  correct += predicted.eq(target).sum().item();
}
console.log(`Validation accuracy of the saved model: ${((100 * correct) / validSampler.length).toFixed(1)} %`);
