/** Receives the events that the server sends through Pusher. The application hands in pusher-js. */

import { ApiError, pauseAfter } from "./api.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {import("./book.js").Data} Data */

/**
 * @typedef {object} PusherChannel The part of pusher-js's channels that we use.
 * @property {boolean} subscribed
 * @property {boolean} subscriptionPending Whether pusher-js waits for an answer. It asks once for each connection.
 * @property {(callback: (event: string, data: any) => void) => unknown} bind_global
 * @property {() => unknown} unbind_global
 */

/**
 * @typedef {object} PusherClient The part of pusher-js's client that we use.
 * @property {{ state: string, socket_id: string, bind: (event: string, callback: (data: any) => void) => unknown }} connection
 * @property {(channel: string) => PusherChannel} subscribe
 * @property {(channel: string) => void} unsubscribe
 * @property {() => void} connect
 * @property {() => void} disconnect
 */

/** @typedef {new (key: string, options: any) => PusherClient} PusherClass The class that pusher-js exports. */

/**
 * @typedef {object} Listener
 * @property {(channel: string, name: string, data: Data) => void} onEvent
 * @property {() => void} onSubscribed Called when all wanted channels are subscribed, including after each reconnect.
 * @property {() => void} onChange
 */

const UNANSWERED_MS = 15_000;
const FORBIDDEN_MS = 60_000;

/** @typedef {{ pusher: PusherChannel, failures: number, retryAt: number, isForbidden: boolean }} Subscription */

/** The subscriptions of one client. */
export class Channels {
  /** @type {PusherClient | null} */
  #pusher = null;
  /** @type {Map<string, Subscription>} */
  #subscriptions = new Map();
  /** @type {Map<string, number>} By channel: the time until which the server has asked to wait. */
  #notBefore = new Map();
  /** @type {Reason} */
  #trouble = "realtime_away";
  #failures = 0;
  #connectAt = 0;
  #isConnecting = false;
  #isClosed = false;
  #Pusher;
  #api;
  #listener;

  /**
   * @param {PusherClass | undefined} Pusher
   * @param {Api} api
   * @param {Listener} listener
   */
  constructor(Pusher, api, listener) {
    this.#Pusher = Pusher;
    this.#api = api;
    this.#listener = listener;
  }

  /** "channels_open" if the client hears all events, or else why it does not. @returns {Reason} */
  get reason() {
    if (!this.#Pusher) return "no_pusher";
    if (this.#pusher?.connection.state !== "connected") return this.#trouble;
    const all = [...this.#subscriptions.values()];
    if (all.length > 0 && all.every(({ pusher }) => pusher.subscribed)) return "channels_open";
    return all.some(({ isForbidden }) => isForbidden) ? "channel_refused" : "realtime_away";
  }

  /**
   * Subscribe to exactly these channels. Call this from time to time, because it also retries what has failed.
   *
   * @param {string[]} names
   */
  want(names) {
    if (this.#isClosed || !this.#Pusher) return;
    if (!this.#pusher) return void this.#connect();
    for (const name of [...this.#subscriptions.keys()]) if (!names.includes(name)) this.#leave(name);
    for (const name of names) if (!this.#subscriptions.has(name)) this.#join(name, 0);
    if (this.#pusher.connection.state === "connected") this.#retry();
  }

  /** Connect anew. After a sleep the old connection may be dead, and pusher-js takes minutes to notice. */
  reconnect() {
    if (!this.#pusher) return;
    this.#pusher.disconnect();
    this.#pusher.connect();
  }

  close() {
    this.#isClosed = true;
    this.#pusher?.disconnect();
  }

  async #connect() {
    if (this.#isConnecting || performance.now() < this.#connectAt || !this.#Pusher) return;
    this.#isConnecting = true;
    try {
      const realtime = await this.#api.get("/realtime");
      if (this.#isClosed) return;
      this.#pusher = new this.#Pusher(realtime.key, this.#options(realtime));
      this.#pusher.connection.bind("state_change", () => this.#onState());
    } catch (error) {
      const isUnconfigured = error instanceof ApiError && error.code === "realtime_unconfigured";
      this.#trouble = isUnconfigured ? "realtime_unconfigured" : "realtime_away";
      this.#failures += 1;
      this.#connectAt = performance.now() + pauseAfter(this.#failures, error);
    } finally {
      this.#isConnecting = false;
      this.#listener.onChange();
    }
  }

  /** @param {Data} realtime The answer of `GET /realtime`. */
  #options(realtime) {
    const { cluster, host, port, tls } = realtime;
    return {
      cluster: cluster ?? "",
      ...(host ? { wsHost: host, wsPort: port, wssPort: port } : {}),
      forceTLS: tls,
      enabledTransports: ["ws", "wss"],
      channelAuthorization: {
        customHandler: (/** @type {Data} */ asked, /** @type {(error: Error | null, data: Data | null) => void} */ done) =>
          void this.#authorize(realtime.auth_endpoint, asked, done),
      },
    };
  }

  /**
   * @param {string} endpoint
   * @param {Data} asked
   * @param {(error: Error | null, data: Data | null) => void} done
   */
  async #authorize(endpoint, { socketId, channelName }, done) {
    if (performance.now() < this.#earliest(channelName)) return done(new Error("The server has asked to wait."), null);
    try {
      const answer = await this.#api.post(endpoint, { socket_id: socketId, channel_name: channelName });
      // After a reconnect the signature is not valid any more, and pusher-js has asked for a new one.
      if (this.#pusher?.connection.socket_id === socketId) done(null, answer);
    } catch (error) {
      if (error instanceof ApiError) this.#notBefore.set(channelName, performance.now() + error.retryAfterMs);
      if (this.#pusher?.connection.socket_id !== socketId) return;
      this.#note(channelName, error);
      done(error instanceof Error ? error : new Error(String(error)), null);
    }
  }

  /**
   * @param {string} name
   * @param {number} failures
   */
  #join(name, failures) {
    if (!this.#pusher) return;
    const pusher = this.#pusher.subscribe(name);
    this.#subscriptions.set(name, { pusher, failures, retryAt: this.#unansweredAt(name, failures), isForbidden: false });
    pusher.bind_global((event, data) => {
      if (event === "pusher:subscription_succeeded") this.#onSubscribed(name);
      if (!event.startsWith("pusher:")) this.#listener.onEvent(name, event, data);
    });
  }

  /** @param {string} name */
  #leave(name) {
    this.#subscriptions.get(name)?.pusher.unbind_global(); // the next subscription may return the same channel object
    this.#subscriptions.delete(name);
    this.#pusher?.unsubscribe(name);
  }

  /**
   * @param {string} name
   * @param {unknown} error
   */
  #note(name, error) {
    const subscription = this.#subscriptions.get(name);
    if (!subscription) return;
    subscription.failures += 1;
    subscription.isForbidden = error instanceof ApiError && error.status === 403;
    subscription.retryAt = performance.now() + (subscription.isForbidden ? FORBIDDEN_MS : pauseAfter(subscription.failures, error));
    this.#listener.onChange();
  }

  /** Subscribe again to channels that were refused. If a subscription got no response, connect anew. */
  #retry() {
    const now = performance.now();
    const due = [...this.#subscriptions].filter(([, { pusher, retryAt }]) => !pusher.subscribed && now >= retryAt);
    const unanswered = due.filter(([, { pusher }]) => pusher.subscriptionPending);
    for (const [, subscription] of unanswered) subscription.failures += 1;
    if (unanswered.length > 0) return this.reconnect();
    for (const [name, { failures }] of due) {
      this.#leave(name);
      this.#join(name, failures);
    }
  }

  /** @param {string} name */
  #onSubscribed(name) {
    const subscription = this.#subscriptions.get(name);
    if (subscription) Object.assign(subscription, { failures: 0, isForbidden: false });
    if (this.reason === "channels_open") this.#listener.onSubscribed();
    this.#listener.onChange();
  }

  #onState() {
    this.#trouble = "realtime_away";
    // After a reconnect, pusher-js subscribes again by itself.
    for (const [name, subscription] of this.#subscriptions) subscription.retryAt = this.#unansweredAt(name, subscription.failures);
    this.#listener.onChange();
  }

  /**
   * Return when a subscription that is requested now counts as unanswered. This is never before the end of a wait for
   * which the server has asked.
   *
   * @param {string} name
   * @param {number} failures How many attempts have failed.
   */
  #unansweredAt(name, failures) {
    return Math.max(performance.now() + UNANSWERED_MS, this.#earliest(name)) + pauseAfter(failures);
  }

  /** @param {string} name */
  #earliest(name) {
    return this.#notBefore.get(name) ?? 0;
  }
}
