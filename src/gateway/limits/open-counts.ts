/** How many of something are open, by a key; what is not open takes no room. */
export class OpenCounts {
  readonly #counts = new Map<string, number>();

  get(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Counts one more; the returned function takes it back, once. */
  add(key: string): () => void {
    this.#counts.set(key, this.get(key) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = this.get(key) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}
