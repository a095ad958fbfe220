/** Ignores a second click on a button that sends a form, unless some seconds have passed without a new page. */
const AGAIN_AFTER_MS = 5000;
const sentAt = new WeakMap();

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.getAttribute("method") !== "post") return;
  if (event.timeStamp - sentAt.get(event.target) < AGAIN_AFTER_MS) event.preventDefault();
  else sentAt.set(event.target, event.timeStamp);
});
