import { ApiError, pauseAfter } from "./api.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./book.js").Data} Data */
/** @typedef {import("./book.js").Goal} Goal */
/** @typedef {import("./reasons.js").Reason} Reason */

/**
 * @typedef {object} Credentials For the paid video. Join the room with `byteplus_rtc_info`.
 * @property {string} goal_id The show.
 * @property {number} nbf
 * @property {number} exp
 * @property {string} token
 * @property {string} byteplus_token
 * @property {{ app_id: string, room_id: string, user_id: string, token: string, exp: number }} byteplus_rtc_info
 */

/** Clients ask for credentials at a random moment within this many seconds after a start. */
export const JITTER_SECONDS = 3;
// If an event has brought credentials for all devices of the viewer, the client waits at most this long for its own.
const OWN_WITHIN_MS = 4_000;
const LONGEST_PAUSE_MS = 15_000;

/** Gets the credentials of one viewer, and renews them when the show lasts longer. */
export class Admission {
  /** @type {Credentials | null} */
  credentials = null;
  /** @type {Reason | null} Why the last attempt to get credentials has failed. */
  trouble = null;
  /** @type {Credentials | null} Those of the event `stream.authorized`; all devices of the viewer get the same. */
  #shared = null;
  /** @type {number | null} */
  #askAt = null;
  /** The client must not ask before this time, because the server told it to wait. */
  #notBefore = 0;
  #isAsking = false;
  #failures = 0;
  #api;
  #path;
  #sharesIdentity;
  #client;

  /**
   * @param {Api} api
   * @param {string} sessionId
   * @param {boolean} sharesIdentity Whether to use the credentials of the event `stream.authorized` at once.
   * @param {{ tick: () => void, readSoon: (delayMs: number) => void }} client
   */
  constructor(api, sessionId, sharesIdentity, client) {
    this.#api = api;
    this.#path = `/sessions/${sessionId}/token`;
    this.#sharesIdentity = sharesIdentity;
    this.#client = client;
  }

  /**
   * Take the credentials that an event carries.
   *
   * @param {Data} event
   */
  take(event) {
    const shared = this.#shared;
    if (shared && shared.goal_id === event.goal_id && event.exp < shared.exp) return;
    this.#shared = credentialsOf(event, event.goal_id);
    if (this.#sharesIdentity) this.credentials = this.#shared;
  }

  /**
   * Ask for credentials at a random moment within this many seconds from now, unless an earlier moment is planned. If
   * the server has told the client to wait, the seconds begin at the end of that wait.
   *
   * @param {number} seconds
   */
  askWithin(seconds) {
    const delay = Math.random() * seconds * 1000;
    this.#askAt = Math.min(this.#askAt ?? Infinity, Math.max(this.#notBefore, performance.now()) + delay);
    setTimeout(() => this.#client.tick(), delay);
  }

  /**
   * Get or renew the credentials if it is time.
   *
   * @param {Goal | null} show A running show that the viewer has paid for, or null if there is none.
   */
  tend(show) {
    if (!show || !this.#isWanting(show)) {
      this.#askAt = null;
      this.#failures = 0;
      this.trouble = null;
    } else if (this.#askAt === null) {
      this.askWithin(JITTER_SECONDS);
    } else if (!this.#isAsking && performance.now() >= this.#askAt) {
      void this.#ask(show);
    }
  }

  /** Tell whether the credentials for the show are missing, or end before the show. @param {Goal} show */
  #isWanting(show) {
    return this.credentials?.goal_id !== show.id || this.credentials.exp < (show.access_exp ?? 0);
  }

  /** @param {Goal} show */
  async #ask(show) {
    this.#isAsking = true;
    const shared = this.#shared?.goal_id === show.id ? this.#shared : null;
    try {
      const answer = await this.#api.get(this.#path, shared ? { timeoutMs: OWN_WITHIN_MS } : {});
      if (answer.preset === "sd") this.#enter(credentialsOf(answer, show.id), show);
      else this.#wait("not_let_in");
    } catch (error) {
      if (shared && shared.exp > (this.credentials?.exp ?? 0)) this.credentials = shared;
      this.#wait("token_unavailable", error);
    } finally {
      this.#isAsking = false;
    }
    this.#client.tick();
  }

  /**
   * @param {Credentials} credentials
   * @param {Goal} show
   */
  #enter(credentials, show) {
    const end = show.access_exp ?? 0;
    this.credentials = credentials;
    if (credentials.exp < end) return this.#wait(null); // the server issued them before the end was moved
    this.#askAt = null;
    if (credentials.exp > end) this.#client.readSoon(0); // the client has missed the event about the new end
  }

  /**
   * @param {Reason | null} trouble
   * @param {unknown} [error]
   */
  #wait(trouble, error) {
    this.#failures += 1;
    this.trouble = trouble;
    this.#notBefore = performance.now() + (error instanceof ApiError ? error.retryAfterMs : 0);
    this.#askAt = performance.now() + pauseAfter(this.#failures, error, LONGEST_PAUSE_MS);
  }
}

/**
 * @param {Data} data
 * @param {string} goalId
 * @returns {Credentials}
 */
function credentialsOf({ nbf, exp, token, byteplus_token, byteplus_rtc_info }, goalId) {
  return { goal_id: goalId, nbf, exp, token, byteplus_token, byteplus_rtc_info };
}
