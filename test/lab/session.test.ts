import { expect, it } from 'vitest';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { pictureSet } from '../../lab/core/dataset.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

function session(template = 0, perClass = 20, epochs = 3): Session {
  const pictures = SAMPLES.shapes.make(perClass, 1);
  const chosen = TEMPLATES[template]!;
  const network = { ...chosen.network, size: Math.min(chosen.network.size, 64) };
  const training = { ...DEFAULT_TRAINING, ...chosen.training, epochs };
  return new Session(
    network,
    4,
    training,
    pictureSet(pictures, 'train', network),
    pictureSet(pictures, 'valid', network),
  );
}

async function run(session: Session, epochs: number): Promise<number[]> {
  const losses: number[] = [];
  while (session.epoch < epochs) losses.push((await session.next()).step.loss);
  return losses;
}

it('the same seed gives the same losses, and a rewound run goes the same way again', async () => {
  const first = session();
  const start = await run(first, 1);
  const checkpoint = structuredClone(first.checkpoint()!);
  const losses = [...start, ...(await run(first, 3))];
  expect(losses).toHaveLength(12);
  first.restore(checkpoint);
  expect(await run(first, 3)).toEqual(losses.slice(4));
  expect(await run(session(), 3)).toEqual(losses);
});

it('every template trains, and learns the shapes', async () => {
  for (let i = 0; i < TEMPLATES.length; i++) {
    const losses = await run(session(i), 3);
    expect(losses.at(-1)).toBeLessThan(losses[0]! + 0.2);
  }
  const long = session(0, 60, 12);
  await run(long, 12);
  expect(long.measure('valid').accuracy).toBeGreaterThan(0.6);
});
