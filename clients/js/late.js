import { LATE_SECONDS } from "./standing.js";

/** @typedef {import("./book.js").Goal} Goal */

const SPREAD_MS = 3_000;
const PAUSES_MS = [5_000, 10_000];
const LATER_PAUSE_MS = 15_000;
// A show that is very late may wait for people to decide about it.
const READS_BEFORE_RARE_PAUSES = 20;
const RARE_PAUSE_MS = 60_000;

/** Decides when to read the goals if a show should have started, but no event has said that it has. */
export class LateReads {
  #key = "";
  #count = 0;
  #dueAt = 0;

  /**
   * Tell whether to read now. If so, plan the next reading. The clients of one show read at different times.
   *
   * @param {Goal} show
   * @param {number} now The server's time, in seconds.
   */
  isDue({ id, status, nbf }, now) {
    if (status !== "scheduled" || nbf === null || now < nbf + LATE_SECONDS) return false;
    const key = `${id} ${nbf}`;
    if (this.#key !== key) {
      this.#key = key;
      this.#count = 0;
      this.#dueAt = performance.now() + Math.random() * SPREAD_MS;
    }
    if (performance.now() < this.#dueAt) return false;
    const later = this.#count < READS_BEFORE_RARE_PAUSES ? LATER_PAUSE_MS : RARE_PAUSE_MS;
    const pause = PAUSES_MS[this.#count] ?? later;
    this.#count += 1;
    this.#dueAt = performance.now() + pause * (0.8 + 0.4 * Math.random());
    return true;
  }
}
