type Task = () => Promise<void>;

/** Runs asynchronous tasks one after the other, in the order they were given; one that fails does not stop the next. */
export class Serial {
  readonly #urgent: Task[] = [];
  readonly #others: Task[] = [];
  #isRunning = false;

  run<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#enter(this.#others, task);
  }

  /** Runs a task before all waiting tasks that were not given by this method. */
  runNext<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#enter(this.#urgent, task);
  }

  #enter<Result>(queue: Task[], task: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      queue.push(() => Promise.resolve().then(task).then(resolve, reject));
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let task = this.#next(); task !== undefined; task = this.#next()) await task();
    this.#isRunning = false;
  }

  #next(): Task | undefined {
    return this.#urgent.shift() ?? this.#others.shift();
  }
}
