/** Random numbers, drawn from the same streams as PyTorch's on the CPU. */
export { drawnInto, prepareDraws } from './bulk.ts';
export { drawFromSums, fillBernoulli, fillBernoulliFrom, fillDropoutMask, multinomial } from './bernoulli.ts';
export { defaultGenerator, Generator, getRngState, initialSeed, manualSeed, seed, setRngState } from './generator.ts';
export { fillRandint, fillRandom, fillRandperm, randomInt64, randperm } from './integers.ts';
export { fillNormal, fillNormalOneByOne, normalOf, requireStd, standardNormal } from './normal.ts';
export { fillUniform } from './uniform.ts';
