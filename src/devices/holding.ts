/** What devices do alike with their memory. */
import { OutOfMemoryError } from '../base/errors.ts';
import type { Device, Holding } from './device.ts';

/** Fresh memory to hold, which comes back when it is freed, once. */
export function heldOn(device: Pick<Device, 'allocate' | 'free'>, bytes: number): Holding {
  const buffer = device.allocate(bytes);
  let freed = false;
  const free = (): void => {
    if (!freed) device.free(buffer);
    freed = true;
  };
  return { buffer, bytes, free };
}

/** What `allocate` gives, asked again as long as memory comes back. @throws OutOfMemoryError */
export function allocated<T>({ reclaim }: Pick<Device, 'reclaim'>, allocate: () => T): T {
  for (let attempt = 0; ; attempt++) {
    try {
      return allocate();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || reclaim?.(attempt) !== true) throw error;
    }
  }
}
