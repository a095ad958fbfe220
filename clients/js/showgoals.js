/**
 * The browser client: `viewer(options)` lets a viewer in to the show; `streamer(options)` takes a streamer's commands.
 * Both keep a picture, an object that says what the page should show now.
 *
 * The client has no dependencies and needs no build step. README.md beside this file explains every state.
 */

import { ApiError } from "./api.js";
import { REASONS } from "./reasons.js";
import { signIn } from "./sign_in.js";
import { Streamer } from "./streamer.js";
import { Viewer } from "./viewer.js";

export { ApiError, REASONS, signIn };

/** @typedef {import("./viewer.js").ViewerOptions} ViewerOptions */
/** @typedef {import("./viewer.js").ViewerPicture} ViewerPicture */
/** @typedef {import("./admission.js").Credentials} Credentials */
/** @typedef {import("./streamer.js").StreamerOptions} StreamerOptions */
/** @typedef {import("./streamer.js").StreamerPicture} StreamerPicture */

/**
 * Watch a livestream as a viewer.
 *
 * @param {ViewerOptions} options
 */
export function viewer(options) {
  const client = new Viewer(options);
  client.start();
  return {
    /** The latest picture. @returns {ViewerPicture} */
    get picture() {
      return client.picture ?? client.paint({ state: "starting", reason: "starting" });
    },
    /** The server's time in Unix seconds, with a fraction. Use it for countdowns: users' clocks may be wrong. */
    now: () => client.clock.now() / 1000,
    /** Pay for a funding goal, at most once even if the response is lost. */
    pay: (/** @type {string} */ fundingId, /** @type {number} */ amount) => client.pay(fundingId, amount),
    /** Tell the client that the application itself has made a payment that was answered with 201. */
    paid: () => client.paid(),
    /** Call the session token view. For the free video, the `token` of its response is valid for five minutes. */
    token: () => client.token(),
    /** Read everything now, for example after the user has signed in again. */
    refresh: () => client.refresh(),
    /** Stop for good. */
    close: () => client.close(),
  };
}

/**
 * Run a livestream as its streamer. What the API refuses is thrown as an `ApiError`, whose `code` says why.
 *
 * @param {StreamerOptions} options
 */
export function streamer(options) {
  const client = new Streamer(options);
  client.start();
  return {
    /** The latest picture. @returns {StreamerPicture} */
    get picture() {
      return client.picture ?? client.paint({ state: "starting", reason: "starting" });
    },
    /** The server's time in Unix seconds, with a fraction. */
    now: () => client.clock.now() / 1000,
    /** Say that the streamer has really begun, so that the payers get the whole length of the show from now on. */
    begin: () => client.order("start"),
    /** Move the show to another time, in Unix seconds. A cancelled show is brought back. */
    move: (/** @type {number} */ nbf) => client.move(nbf),
    cancel: (reason = "") => client.order("cancel", { reason }),
    /** Let the running show last longer. Two calls count twice, but a call whose response is lost counts only once. */
    extend: (/** @type {number} */ seconds) => client.order("extend", { seconds }),
    /** End the running show now. */
    end: () => client.order("end"),
    /** Close the funding now, so that the show can be created. */
    closeFunding: () => client.closeFunding(),
    /** Call the session token view. With its response, the streamer joins the room and sends the video. */
    token: () => client.token(),
    /** Send the events again that have not reached their viewers or, with a `viewerId`, all events of that viewer. */
    redeliver: (/** @type {string | undefined} */ viewerId = undefined) => client.redeliver(viewerId),
    refresh: () => client.refresh(),
    close: () => client.close(),
  };
}
