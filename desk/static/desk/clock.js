/**
 * Counts down to the moments on the page, and adds the time in the reader's own zone to times in UTC.
 *
 * The page has the server's time, so a wrong clock on the reader's device does no harm.
 */

const SECOND = 1000;
const said = document.querySelector("[data-now]");
const ahead = said ? Date.parse(said.dataset.now) - Date.now() : 0;

function format(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function tick() {
  for (const countdown of document.querySelectorAll(".countdown[data-until]")) {
    const left = Date.parse(countdown.dataset.until) - Date.now() - ahead;
    countdown.querySelector("span").textContent = format(Math.max(0, Math.floor(left / SECOND)));
  }
}

function addLocalTimes() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.getAttribute("datetime"));
    const local = `${moment.toLocaleString(document.documentElement.lang || undefined)} ${timeZone}`;
    time.title = local;
    if (time.closest(".told") && moment.getTimezoneOffset()) time.after(` (${local})`);
  }
}

addLocalTimes();
tick();
setInterval(tick, SECOND);
