/**
 * The server's clock, as estimated from its responses.
 *
 * A `Date` header has whole seconds, so each response only gives bounds for the difference between the two clocks.
 * Several responses together narrow the bounds. The time goes back only if a clock was set, so a show that is over stays over.
 */
export class ServerClock {
  #atLeast = -Infinity;
  #atMost = Infinity;
  /** The first upper bound. Later bounds are tighter. */
  #widest = Infinity;
  #latest = -Infinity;

  /**
   * Learn from an answer. If it contradicts earlier answers, a clock was set, and only this answer counts.
   *
   * @param {string | null} date The answer's `Date` header.
   * @param {number} sentAt When the request was sent, in milliseconds by this machine's clock.
   * @param {number} receivedAt When the answer came.
   */
  observe(date, sentAt, receivedAt) {
    const second = Date.parse(date ?? "");
    if (Number.isNaN(second)) return;
    const atLeast = second - receivedAt;
    const atMost = second + 1000 - sentAt;
    const isConsistent = atLeast <= this.#atMost && atMost >= this.#atLeast;
    const isNew = !isConsistent || this.#atLeast === -Infinity;
    // If the latest time is later than any answer has allowed, it came from a clock that was set back since.
    if (isNew || this.#latest > receivedAt + this.#widest) this.#latest = -Infinity;
    if (isNew) this.#widest = atMost;
    this.#atLeast = isConsistent ? Math.max(atLeast, this.#atLeast) : atLeast;
    this.#atMost = isConsistent ? Math.min(atMost, this.#atMost) : atMost;
  }

  /** How far the server's clock is ahead of this machine's, in milliseconds; 0 before the first answer. */
  get offset() {
    return Number.isFinite(this.#atLeast) ? (this.#atLeast + this.#atMost) / 2 : 0;
  }

  /** The server's time in milliseconds since 1970. */
  now() {
    return (this.#latest = Math.max(this.#latest, Date.now() + this.offset));
  }
}
