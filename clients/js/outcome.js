const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 900_000;

/**
 * Decides when to read what has become of a payment, if that is still undecided when the show is over. A recording may
 * prove within minutes that the show was performed, or a person may decide days later. No event tells viewers of it.
 */
export class OutcomeReads {
  #undecided = "";
  #pauseMs = 0;
  #dueAt = 0;

  /**
   * Tell whether to read now. If so, plan the next reading, after a pause that is twice as long.
   *
   * @param {string} undecided What is undecided. With another text, the pauses begin anew.
   */
  isDue(undecided) {
    if (this.#undecided !== undecided) {
      this.#undecided = undecided;
      this.#plan(FIRST_PAUSE_MS);
    }
    if (performance.now() < this.#dueAt) return false;
    this.#plan(Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS));
    return true;
  }

  /** Plan the next reading at a random time, because all clients of a show begin at its end. @param {number} pauseMs */
  #plan(pauseMs) {
    this.#pauseMs = pauseMs;
    this.#dueAt = performance.now() + pauseMs * (1 + Math.random());
  }
}
