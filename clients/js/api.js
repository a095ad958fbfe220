/** @typedef {import("./clock.js").ServerClock} ServerClock */
/** @typedef {import("./reasons.js").Reason} Reason */

/**
 * @callback Authorize
 * @param {string | null} refused The access token that the API has just refused; null at the first call.
 * @returns {Promise<string | null> | string | null} A token that is valid now; null if the user has to sign in again.
 */

export const ANSWERED_WITHIN_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
const ATTEMPTS = 5;

/** A call that has failed. `status` is 0 and `code` "unreachable" if there was no response. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code The stable code of the problem.
   * @param {string} detail A sentence for people.
   * @param {number} retryAfterMs How long the server asks to wait; 0 if it does not ask.
   */
  constructor(status, code, detail, retryAfterMs = 0) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Calls the API with the application's access token, and asks for another one when a token is refused. */
export class Api {
  /** @type {string | null} */
  #token = null;
  /** @type {Promise<string> | null} */
  #renewal = null;
  #base;
  #authorize;
  #clock;

  /**
   * @param {string} base The address of the API, without a slash at its end.
   * @param {Authorize} authorize
   * @param {ServerClock} clock Learns the server's time from each answer.
   */
  constructor(base, authorize, clock) {
    this.#base = base.replace(/\/+$/, "");
    this.#authorize = authorize;
    this.#clock = clock;
  }

  /**
   * @param {string} path
   * @param {RequestInit & { timeoutMs?: number }} [options]
   * @returns {Promise<any>} The body of the answer; undefined if it has none.
   */
  async get(path, options = {}) {
    return (await this.fetch(path, options)).body;
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @param {Record<string, string>} [headers]
   * @param {string} [method]
   * @returns {Promise<any>}
   */
  async post(path, body, headers = {}, method = "POST") {
    const options = { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
    return (await this.fetch(path, options)).body;
  }

  /**
   * Post something that must happen once, even if a response is lost: try again with the same `Idempotency-Key`.
   *
   * @param {string} path
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  async postOnce(path, body) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.post(path, body, { "Idempotency-Key": key });
      } catch (error) {
        if (!isTemporary(error) || failures === ATTEMPTS) throw error;
        await new Promise((done) => setTimeout(done, pauseAfter(failures, error)));
      }
    }
  }

  /**
   * Return the rows of a list. The next page is read only if `wanted` returns true for the last row of the page before.
   *
   * @param {string} path
   * @param {(last: any) => boolean} wanted
   * @returns {Promise<any[]>}
   */
  async list(path, wanted) {
    const rows = [];
    /** @type {string | null} */
    let next = path;
    while (next) {
      const page = await this.get(next);
      rows.push(...page.results);
      next = page.results.length > 0 && wanted(page.results.at(-1)) ? page.next : null;
    }
    return rows;
  }

  /**
   * Return the API's response. Raise ApiError unless it is a success, or 304.
   *
   * @param {string} path
   * @param {RequestInit & { timeoutMs?: number }} options
   * @returns {Promise<{ status: number, headers: Headers, body: any }>}
   */
  async fetch(path, options) {
    const token = this.#token ?? (await this.#renew(null));
    let answer = await this.#send(path, options, token);
    if (answer.status === 401) answer = await this.#send(path, options, await this.#renew(token));
    const { status, headers } = answer;
    if (status === 304 || status === 204) return { status, headers, body: undefined };
    if (!answer.ok) throw await problem(answer);
    return { status, headers, body: await bodyOf(answer) };
  }

  /**
   * @param {string} path
   * @param {RequestInit & { timeoutMs?: number }} options
   * @param {string} token
   */
  async #send(path, { timeoutMs = ANSWERED_WITHIN_MS, headers, ...options }, token) {
    const url = path.startsWith("/") ? this.#base + path : path;
    const signal = AbortSignal.timeout(timeoutMs);
    const sentAt = Date.now();
    const sent = { ...options, signal, cache: /** @type {const} */ ("no-store"), credentials: /** @type {const} */ ("omit") };
    const answer = await fetch(url, { ...sent, headers: { ...headers, Authorization: `Bearer ${token}` } }).catch(cutOff);
    this.#clock.observe(answer.headers.get("Date"), sentAt, Date.now());
    return answer;
  }

  /**
   * Ask the application for a token. Calls that are refused at the same time share one request.
   *
   * @param {string | null} refused
   * @returns {Promise<string>}
   */
  #renew(refused) {
    if (this.#token !== refused && this.#token !== null) return Promise.resolve(this.#token);
    this.#renewal ??= this.#ask(refused).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  /** @param {string | null} refused */
  async #ask(refused) {
    this.#token = null;
    const token = await Promise.resolve(refused).then(this.#authorize).catch(cutOff);
    if (!token) throw new ApiError(401, "not_authenticated", "The application has no access token.");
    this.#token = token;
    return token;
  }
}

/**
 * Return how long to wait before the next attempt. The pause grows with each failure, and has a random part.
 *
 * @param {number} failures How many attempts have failed.
 * @param {unknown} [error] The error of the last attempt. The pause is no shorter than its `retryAfterMs`.
 * @param {number} [longestMs] The longest pause if the server has not asked for one.
 * @returns {number} Milliseconds.
 */
export function pauseAfter(failures, error, longestMs = LONGEST_PAUSE_MS) {
  const asked = error instanceof ApiError ? error.retryAfterMs : 0;
  const longest = Math.min(longestMs, 1000 * 2 ** failures);
  return Math.max(asked, longest / 2) + (Math.random() * longest) / 2;
}

/**
 * Tell whether the same call may succeed later.
 *
 * @param {unknown} error
 */
export function isTemporary(error) {
  if (!(error instanceof ApiError)) return false;
  return error.status === 0 || error.status >= 500 || error.status === 429 || error.code === "idempotency_in_progress";
}

/**
 * Return the reason code of a failure.
 *
 * @param {ApiError} error
 * @returns {Reason}
 */
export function reasonOf({ status, code }) {
  if (status === 0) return "unreachable";
  if (status === 401) return "not_authenticated";
  if (status === 429) return "throttled";
  if (status >= 500) return "api_unavailable";
  return code === "session_not_found" || code === "not_found" ? "session_not_found" : "api_refused";
}

/**
 * Raise an ApiError for a call that got no response. If the error already is an ApiError, raise it unchanged.
 *
 * @param {unknown} error
 * @returns {never}
 */
export function cutOff(error) {
  if (error instanceof ApiError) throw error;
  throw new ApiError(0, "unreachable", error instanceof Error ? error.message : String(error));
}

/**
 * Return the body of a success. Raise ApiError if the body was cut off, or is not from the API.
 *
 * @param {Response} answer
 * @returns {Promise<any>}
 */
export function bodyOf(answer) {
  return answer.json().catch((error) => {
    if (error instanceof SyntaxError) throw new ApiError(502, "unavailable", "The answer does not come from the API.");
    cutOff(error);
  });
}

/**
 * Return the ApiError for an unsuccessful answer.
 *
 * @param {Response} answer
 */
export async function problem(answer) {
  const { code = "error", detail = answer.statusText } = (await answer.json().catch(() => null)) ?? {};
  return new ApiError(answer.status, code, detail, 1000 * Number(answer.headers.get("Retry-After") ?? 0) || 0);
}
