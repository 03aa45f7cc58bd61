// A step of trainings with a GradScaler and clipping; in step 7, what rank 1 has overflows.
import { amp, nn } from 'flambeau';

export function scaling(model, optimizer, rank) {
  const scaler = new amp.GradScaler({ device: 'cpu', initScale: 1024, growthInterval: 5 });
  return (loss, i) => {
    scaler
      .scale(loss)
      .mul(i === 7 && rank === 1 ? 1e38 : 1)
      .backward();
    scaler.unscale_(optimizer);
    nn.utils.clipGradNorm_(model.parameters(), 0.5);
    scaler.step(optimizer);
    scaler.update();
  };
}
