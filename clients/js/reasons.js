/** Every reason code that a picture can have, with a sentence for people. README.md says when each occurs. */
export const REASONS = Object.freeze({
  // Of the show
  nothing_on_sale: "The streamer has no funding goal and no show at the moment.",
  funding_open: "The streamer is collecting for a show.",
  no_show_yet: "The funding has closed. The streamer has not set a time for the show yet.",
  scheduled: "The show starts at the given time.",
  moved: "The show was moved to another time.",
  revived: "The show was cancelled, but takes place after all.",
  due: "The show should have started. It is delayed.",
  fetching: "The show has started. You are being let in.",
  let_in: "The show is running, and you are in.",
  not_paid: "The show is running. You have not paid for it.",
  not_let_in: "The show is running, but the server does not let you in.",
  token_unavailable: "The show is running, but the server cannot let you in at the moment. We are trying again.",
  cancelled: "The show was cancelled.",
  session_ended: "The streamer has ended the livestream.",
  missed: "The show could not be started in time, and was cancelled.",
  no_show: "There was no show in time. Your payment is due back.",
  show_cancelled: "The show was cancelled for good. Your payment is due back.",
  refund_due: "Your payment is due back.",
  ended: "The show is over.",
  ended_early: "The show has ended before its time.",
  // Of the show, for its streamer
  not_begun: "The show is running. Say so when you have really begun.",
  begun: "The show is running, and you have begun.",
  // Of its recording
  recording_waits: "The recording begins with the show.",
  recording_asked: "The recording was requested.",
  recording_runs: "The show is being recorded.",
  recording_over: "The recording is over.",
  recording_failed: "The show is not being recorded.",
  // Of the connection
  starting: "Connecting.",
  channels_open: "Connected.",
  no_pusher: "Checking for updates.",
  realtime_unconfigured: "The server has no live connection. Checking for updates instead.",
  realtime_away: "The live connection is broken. Checking for updates instead.",
  channel_refused: "The server refuses the live connection. Checking for updates instead.",
  unreachable: "The server cannot be reached. Are you offline?",
  api_unavailable: "The server cannot answer at the moment.",
  throttled: "The server has asked us to slow down.",
  api_refused: "The server refuses what we ask for.",
  not_authenticated: "Please sign in again.",
  session_not_found: "There is no such livestream.",
  closed: "The client was closed.",
});

/** @typedef {keyof typeof REASONS} Reason */
