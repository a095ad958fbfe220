import { ApiError, pauseAfter } from "./api.js";

/** @typedef {import("./api.js").Api} Api */

/** A resource that is read again and again, with `If-None-Match` if the server gives an ETag. */
export class Poll {
  /** @type {any} The latest answer; null before the first one. */
  body = null;
  #path = "";
  #cause = "";
  #etag = "";
  #readAt = 0;
  #notBefore = 0;
  #failures = 0;
  #isReading = false;
  #api;
  #onChange;

  /**
   * @param {Api} api
   * @param {() => void} onChange
   */
  constructor(api, onChange) {
    this.#api = api;
    this.#onChange = onChange;
  }

  /**
   * Read the resource if `pauseMs` have passed since the last reading, or if `cause` is not the same text as at that
   * reading. After failures, wait longer and longer.
   *
   * @param {number} pauseMs
   * @param {string} path
   * @param {string} cause
   */
  every(pauseMs, path, cause) {
    const now = performance.now();
    if (path !== this.#path && !this.#isReading) this.#forget(path);
    const isDue = cause !== this.#cause || now >= this.#readAt + pauseMs;
    if (this.#isReading || !isDue || now < this.#notBefore) return;
    this.#cause = cause;
    void this.#read();
  }

  /** @param {string} path */
  #forget(path) {
    this.#path = path;
    this.#cause = this.#etag = "";
    this.body = null;
  }

  async #read() {
    this.#isReading = true;
    try {
      const headers = this.#etag ? { "If-None-Match": this.#etag } : undefined;
      const answer = await this.#api.fetch(this.#path, headers ? { headers } : {});
      if (answer.status !== 304) this.body = answer.body;
      this.#etag = answer.headers.get("ETag") ?? "";
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#cause = "";
      this.#notBefore = performance.now() + pauseAfter(this.#failures, error);
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.#isReading = false;
      this.#readAt = performance.now();
    }
    this.#onChange();
  }
}
