"use strict";

// This script has its own file, because the Content-Security-Policy forbids inline scripts.
const search = document.getElementById("search");
const token = document.getElementById("token");

function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of document.querySelectorAll("section:has(> .call)")) {
    const calls = [...section.querySelectorAll(".call")];
    for (const call of calls) call.hidden = !words.every((word) => call.dataset.words.includes(word));
    const shown = calls.filter((call) => !call.hidden).length;
    section.hidden = shown === 0;
    found += shown;
  }
  document.getElementById("nothing").hidden = found > 0;
  document.getElementById("getting-started").hidden = words.length > 0;
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  search.value = "";
  find();
  if (target.matches("details")) target.open = true;
  target.scrollIntoView();
}

// Return the URL and the options of the call that the form describes. Empty query and header fields are not sent.
function request(attempt, form) {
  const headers = { Accept: "application/json, */*" };
  const query = new URLSearchParams();
  let path = attempt.dataset.path;
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (!field.value) continue;
    else if (field.dataset.in === "header") headers[field.name] = field.value;
    else query.set(field.name, field.value);
  }
  const body = form.querySelector("textarea")?.value;
  if (body) headers["Content-Type"] = "application/json";
  if ("token" in attempt.dataset && token.value) headers.Authorization = `Bearer ${token.value}`;
  const address = query.size ? `${path}?${query}` : path;
  return [address, { method: attempt.dataset.method, headers, body: body || undefined }];
}

async function send(attempt, form) {
  const shown = attempt.querySelector("pre");
  shown.hidden = false;
  shown.textContent = "...";
  try {
    const answer = await fetch(...request(attempt, form));
    const text = await answer.text();
    const value = answer.headers.get("Content-Type")?.includes("json") && text ? JSON.parse(text) : null;
    shown.textContent = `${answer.status}\n${value ? JSON.stringify(value, null, 2) : text}`;
    if (answer.ok && value?.access) token.value = value.access;
  } catch (error) {
    shown.textContent = String(error);
  }
}

search.addEventListener("input", find);
document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", openTarget);
for (const attempt of document.querySelectorAll(".try")) {
  const form = attempt.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(attempt, form);
  });
  for (const button of form.querySelectorAll("[data-example]")) {
    button.addEventListener("click", () => (form.querySelector("textarea").value = button.dataset.example));
  }
  form.querySelector(".send").disabled = false;
}
openTarget();
