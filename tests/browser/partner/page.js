// A page of a partner, on another origin than the API: it imports the module, and hands in pusher-js.
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

function show(picture) {
  window.pictures.push(picture);
  document.getElementById("state").textContent = `${picture.state} ${picture.reason}`;
}
