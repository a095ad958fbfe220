/**
 * The browser client for viewers: `viewer(options)` keeps a picture of the show, and lets the viewer in.
 *
 * It has no dependencies and needs no build step. README.md beside this file explains every state.
 */

import { ApiError } from "./api.js";
import { REASONS } from "./reasons.js";
import { Viewer } from "./viewer.js";

export { ApiError, REASONS };

/** @typedef {import("./viewer.js").ViewerOptions} ViewerOptions */
/** @typedef {import("./viewer.js").ViewerPicture} ViewerPicture */
/** @typedef {import("./admission.js").Credentials} Credentials */

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
    /** The server's time in Unix seconds, with a fraction. Count down with it, because clocks of users are wrong. */
    now: () => client.clock.now() / 1000,
    /** Pay for a funding goal, at most once even if the answer is lost. */
    pay: (/** @type {string} */ fundingId, /** @type {number} */ amount) => client.pay(fundingId, amount),
    /** Say that a payment was answered 201, if the application has made it itself. */
    paid: () => client.paid(),
    /** Read everything now, for example after the user has signed in again. */
    refresh: () => client.refresh(),
    /** Stop for good. */
    close: () => client.close(),
  };
}
