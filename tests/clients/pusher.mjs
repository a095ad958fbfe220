/**
 * Stands in for pusher-js. It authorizes channels when pusher-js does: all channels after each connect, and a new channel
 * while connected.
 */
export class Pusher {
  #channels = new Map();
  #options;
  #onState;
  connection = { state: "disconnected", socket_id: "0", bind: (_event, callback) => (this.#onState = callback) };

  constructor(_key, options) {
    Pusher.latest = this;
    this.#options = options;
    setImmediate(() => this.connect());
  }

  connect() {
    const { connection } = this;
    Object.assign(connection, { state: "connected", socket_id: String(Number(connection.socket_id) + 1) });
    this.#onState();
    for (const name of this.#channels.keys()) this.#ask(name);
  }

  disconnect() {
    this.connection.state = "disconnected";
    for (const channel of this.#channels.values()) channel.subscribed = false;
    this.#onState();
  }

  subscribe(name) {
    const channel = { bind_global: (callback) => (channel.callback = callback), unbind_global() {} };
    if (!this.#channels.has(name)) this.#channels.set(name, channel);
    if (this.connection.state === "connected") this.#ask(name);
    return this.#channels.get(name);
  }

  unsubscribe(name) {
    this.#channels.delete(name);
  }

  /** Let the client hear an event on the first channel whose name contains `part`. */
  hear(part, event, data) {
    const name = [...this.#channels.keys()].find((each) => each.includes(part));
    this.#channels.get(name).callback(event, data);
  }

  #ask(name) {
    const channel = Object.assign(this.#channels.get(name), { subscribed: false, subscriptionPending: true });
    const done = (error) => Object.assign(channel, { subscribed: !error, subscriptionPending: false });
    const asked = { socketId: this.connection.socket_id, channelName: name };
    this.#options.channelAuthorization.customHandler(asked, done);
  }
}
