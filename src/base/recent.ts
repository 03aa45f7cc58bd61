/**
 * A map that has an end: what was not asked for while many others were added is forgotten. It costs a lookup no more than a plain map does:
 * there are two generations, a new one begins when the young one is full, and what is found in the old one moves to the young one.
 */
export class Recent<K, V extends object> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  /** Counts up when a generation begins. */
  generation = 0;
  readonly #room: number;
  readonly #forgotten: ((value: V) => void) | undefined;

  /**
   * @param room what a generation holds: the last so many that were added or asked for are known, at most twice as many in all
   * @param forgotten is told of what goes
   */
  constructor(room: number, forgotten?: (value: V) => void) {
    this.#room = room;
    this.#forgotten = forgotten;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#revived(key);
  }

  #revived(key: K): V | undefined {
    const value = this.#old.get(key);
    if (value === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, value);
    return value;
  }

  /** Adds what was not there. */
  set(key: K, value: V): void {
    if (this.#young.size >= this.#room) this.age();
    this.#young.set(key, value);
  }

  /** Begins a new generation; the one before last is forgotten. */
  age(): void {
    const gone = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    this.generation++;
    if (this.#forgotten !== undefined) for (const value of gone.values()) this.#forgotten(value);
  }
}
