import { isTemporary, pauseAfter } from "./api.js";

/** @typedef {import("./api.js").Api} Api */

// The clients of a large audience must not all confirm an event at the same time.
export const CONFIRMED_WITHIN_MS = 30_000;
const ATTEMPTS = 3;

/** Tells the server which events have arrived. */
export class Receipts {
  /** @type {Set<string>} */
  #confirmed = new Set();
  #api;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /**
   * Confirm an event soon, and only once.
   *
   * @param {{ goal_id?: string, event_id?: string }} event
   */
  confirm({ goal_id, event_id }) {
    if (!goal_id || !event_id || this.#confirmed.has(event_id)) return;
    this.#confirmed.add(event_id);
    this.#sendIn(Math.random() * CONFIRMED_WITHIN_MS, goal_id, event_id, 1);
  }

  /**
   * @param {number} delayMs
   * @param {string} goalId
   * @param {string} eventId
   * @param {number} attempt
   */
  #sendIn(delayMs, goalId, eventId, attempt) {
    setTimeout(() => {
      this.#api.post(`/goals/${goalId}/received`, { event_id: eventId }).catch((error) => {
        if (isTemporary(error) && attempt < ATTEMPTS) this.#sendIn(pauseAfter(attempt, error), goalId, eventId, attempt + 1);
      });
    }, delayMs);
  }
}
