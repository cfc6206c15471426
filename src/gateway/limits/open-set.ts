interface Entry<T> {
  readonly item: T;
  at: number;
}

/**
 * What is open at the moment, where things come and go with every request. No `Set`: one that is filled and emptied again
 * and again outgrows its tables, each of which keeps what was in it until the next full garbage collection.
 */
export class OpenSet<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** All that are open, in no order. */
  values(): T[] {
    return this.#entries.map(({ item }) => item);
  }

  /** The returned function takes it out again, once. */
  add(item: T): () => void {
    const entry = { item, at: this.#entries.length };
    this.#entries.push(entry);
    return () => this.#remove(entry);
  }

  /** The last takes the place of the one that goes. */
  #remove(entry: Entry<T>): void {
    if (this.#entries[entry.at] !== entry) return;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    last.at = entry.at;
    this.#entries[last.at] = last;
  }
}
