// A client of the product that uses the real pusher-js: it connects, subscribes and records events.
const heard = [];

function note(channel, event, data) {
  heard.push({ channel, event, data });
  const item = document.createElement("li");
  item.className = event === "pusher:subscription_error" ? "refused" : "";
  item.textContent = `${channel}: ${event} ${JSON.stringify(data)}`;
  document.getElementById("log").append(item);
}

async function listen({ access, channels }) {
  const pusher = await connect("", () => access); // `connect` comes from docs/clients.md
  pusher.connection.bind("error", (error) => note("", "error", error));
  for (const channel of channels) {
    pusher.subscribe(channel).bind_global((event, data) => note(channel, event, data));
  }
}
