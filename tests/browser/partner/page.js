// A partner's page, whose origin differs from the API's. It imports the client, and passes pusher-js to it.
import { Api } from "./showgoals/api.js";
import { Channels } from "./showgoals/channels.js";
import { ServerClock } from "./showgoals/clock.js";
import { signIn, streamer, viewer } from "./showgoals/showgoals.js";

window.pictures = [];
window.refused = [];

window.watch = ({ tokens, withoutPusher, ...options }) => {
  const authorize = (refused) => {
    window.refused.push(refused);
    return tokens.length > 1 ? tokens.shift() : (tokens[0] ?? null);
  };
  const Pusher = withoutPusher ? undefined : window.Pusher;
  const open = options.asStreamer ? streamer : viewer;
  window.client = open({ ...options, authorize, Pusher, onChange: show });
};

window.signInAndWatch = async ({ username, password, ...options }) => {
  window.account = await signIn({ base: options.base, username, password });
  window.client = viewer({ ...options, authorize: window.account.authorize, Pusher: window.Pusher, onChange: show });
};

// Opens only the channels of a client, which a test can join and leave.
window.listen = ({ base, tokens }) => {
  window.heard = [];
  const listener = { onEvent: (...event) => window.heard.push(event), onSubscribed() {}, onChange() {} };
  window.channels = new Channels(window.Pusher, new Api(base, () => tokens[0], new ServerClock()), listener);
};

// Holds back the next subscription that pusher-js sends, until `release()` is called.
window.holdSubscription = () => {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    if (!text.includes('"pusher:subscribe"')) return send.call(this, text);
    WebSocket.prototype.send = send;
    window.release = () => send.call(this, text);
  };
};

function show(picture) {
  window.pictures.push(picture);
  document.getElementById("state").textContent = `${picture.state} ${picture.reason}`;
}
