import { ANSWERED_WITHIN_MS, bodyOf, cutOff, problem } from "./api.js";

/** @typedef {{ access: string, refresh: string }} Tokens */

/** A sign-in whose tokens are only in the memory of this page, so that each tab has a sign-in of its own. */
export class SignIn {
  /** @type {Tokens | null} */
  #tokens;
  /** @type {Promise<string | null> | null} */
  #renewal = null;
  #base;

  /**
   * @param {string} base
   * @param {Tokens} tokens
   */
  constructor(base, tokens) {
    this.#base = base;
    this.#tokens = tokens;
  }

  /**
   * Return an access token other than the refused one. Pass this function as the option `authorize` of a client.
   *
   * A refresh token can be used only once, so calls that are refused at the same time share one renewal. Raise ApiError
   * if the renewal fails.
   *
   * @param {string | null} refused
   * @returns {Promise<string | null>} Null if the sign-in has ended.
   */
  authorize = async (refused) => {
    if (!this.#tokens || this.#tokens.access !== refused) return this.#tokens?.access ?? null;
    this.#renewal ??= this.#renew(this.#tokens).finally(() => (this.#renewal = null));
    return this.#renewal;
  };

  /** End the sign-in, here and on the server. Raise ApiError if the server does not end it. */
  async signOut() {
    const access = this.#tokens?.access;
    this.#tokens = null;
    if (!access) return;
    const answer = await post(this.#base, "/auth/sign-out", {}, { Authorization: `Bearer ${access}` });
    if (!answer.ok && answer.status !== 401) throw await problem(answer);
  }

  /** @param {Tokens} tokens */
  async #renew(tokens) {
    const answer = await post(this.#base, "/auth/token/refresh", { refresh: tokens.refresh });
    const hasEnded = this.#tokens === null || answer.status === 401;
    if (!hasEnded && !answer.ok) throw await problem(answer);
    this.#tokens = hasEnded ? null : { ...tokens, ...(await bodyOf(answer)) };
    return this.#tokens?.access ?? null;
  }
}

/**
 * Sign in. Raise ApiError with the code "invalid_credentials" if the user name or the password is wrong.
 *
 * @param {{ base: string, username: string, password: string }} options
 * @returns {Promise<SignIn>}
 */
export async function signIn({ base, username, password }) {
  const address = base.replace(/\/+$/, "");
  const answer = await post(address, "/auth/token", { username, password });
  if (!answer.ok) throw await problem(answer);
  return new SignIn(address, await bodyOf(answer));
}

/**
 * @param {string} base
 * @param {string} path
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Response>}
 */
function post(base, path, body, headers = {}) {
  return fetch(base + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
    credentials: "omit",
    signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
  }).catch(cutOff);
}
