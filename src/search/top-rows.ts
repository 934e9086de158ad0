/** The k largest of many numbers, as a heap with the least on top. */
export class TopRows {
  readonly #heap: Float64Array;
  #count = 0;

  constructor(k: number) {
    this.#heap = new Float64Array(k);
  }

  /** The k-th largest so far; without k of them -Infinity. */
  get threshold(): number {
    return this.#count < this.#heap.length ? Number.NEGATIVE_INFINITY : this.#heap[0]!;
  }

  /** Of a number above the threshold. */
  add(value: number): void {
    if (this.#count < this.#heap.length) this.#rise(value, this.#count++);
    else this.#sink(value);
  }

  #rise(value: number, start: number): void {
    const heap = this.#heap;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]! <= value) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = value;
  }

  #sink(value: number): void {
    const heap = this.#heap;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= value) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = value;
  }
}
