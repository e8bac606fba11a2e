// The observer's sheet, beside the couch. Without this file the page is sent as a whole.
// With it each tap is sent at once. What the server has not answered stays in the browser's database, survives a reload and
// is sent again with the same key; sign-out empties that database with the answers of quizzes, which share it.
const DATABASE = "pinpoint-sitting";
const RETRY_MS = [3000, 4500, 7000, 10000, 15000];
const PATIENCE_MS = 15000;

const byId = (id) => document.getElementById(id);
const newKey = () =>
  crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

const sheet = byId("sheet");
const mine = `sheet-${sheet.dataset.sheet}`;
const lines = new Map(
  [...sheet.querySelectorAll("fieldset[data-position]")].map((box) => [Number(box.dataset.position), box]),
);
const queue = new Map(); // position -> {attempt, position, score, key, revision}
const revisionOf = (position) => sheet.elements[`revision-${position}`];
let token = sheet.elements.csrfmiddlewaretoken.value;
let state = "reached"; // reached, lost (no connection), gone (no session), ended
let busy = false;
let failures = 0;
let timer = 0;
let leaving = false;

const shelf = {
  opening: null,
  open() {
    this.opening ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["attempt", "position"] });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
    });
    return this.opening;
  },
  async use(work) {
    try {
      const database = await this.open();
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction("answers", "readwrite");
        const request = work(transaction.objectStore("answers"));
        transaction.oncomplete = () => resolve(request?.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
    } catch {
      this.opening = null; // where there is no database, memory has to do
      return undefined;
    }
  },
};

function speak(sentence) {
  byId("spoken").textContent = sentence;
}

function paint() {
  let scored = 0;
  for (const [position, box] of lines) {
    const chosen = box.querySelector(":checked");
    if (chosen) scored += 1;
    box.querySelector(".unsent").hidden = !queue.has(position) || state === "reached";
    const again = box.querySelector(".again");
    if (again) again.hidden = !chosen || chosen.value === "2";
  }
  byId("tally").textContent = `${scored} of ${lines.size} scored`;
  byId("progress").value = scored;
  byId("offline").hidden = state !== "lost";
  byId("gone").hidden = state !== "gone";
  byId("ended").hidden = state !== "ended";
  const words = queue.size ? (state === "reached" ? "Saving…" : `${queue.size} not sent yet`) : "Saved";
  byId("saved").lastElementChild.textContent = words;
  byId("saved").className = `state small tone-${queue.size && state !== "reached" ? "care" : queue.size ? "calm" : "good"}`;
}

async function post(entry) {
  const patience = new AbortController();
  const impatient = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const response = await fetch(lines.get(entry.position).dataset.url, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams({ csrfmiddlewaretoken: token, score: entry.score, revision: entry.revision, key: entry.key }),
      redirect: "manual",
      signal: patience.signal,
    });
    if (response.type === "opaqueredirect" || response.status === 403 || response.status === 404) return { state: "gone" };
    return [200, 400, 409].includes(response.status) ? await response.json() : { state: "lost" };
  } catch {
    return { state: "lost" };
  } finally {
    clearTimeout(impatient);
  }
}

// Signed in again in another tab: the session is new and so is the form's token.
async function renew() {
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!response.ok || new URL(response.url).pathname !== location.pathname) return false;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    token = sheet.elements.csrfmiddlewaretoken.value = fresh.querySelector("#sheet [name=csrfmiddlewaretoken]").value;
    return true;
  } catch {
    return false;
  }
}

// True when the server has answered, whatever it said.
async function deliver(entry) {
  let reply = await post(entry);
  if (reply.state === "gone" && (await renew())) reply = await post(entry);
  if (reply.state === "lost" || reply.state === "gone" || reply.state === "ended") {
    if (state !== reply.state) failures = 0;
    state = reply.state;
    return false;
  }
  const revision = revisionOf(entry.position);
  if (reply.revision !== undefined) revision.value = reply.revision;
  const newest = queue.get(entry.position);
  if (newest.key === entry.key) {
    queue.delete(entry.position);
    await shelf.use((answers) => answers.delete([mine, entry.position]));
    if (reply.state === "stale") {
      // Another device scored it since: that score stands and is shown; a further tap changes it.
      const box = lines.get(entry.position);
      for (const radio of box.querySelectorAll("[type=radio]")) radio.checked = Number(radio.value) === reply.score;
      box.querySelector("legend").scrollIntoView({ block: "nearest" });
      speak("Another device scored this line since. Its score is shown; tap again to change it.");
    }
  } else if (reply.revision !== undefined) {
    newest.revision = reply.revision;
    await shelf.use((answers) => answers.put(newest));
  }
  return true;
}

async function pump() {
  if (busy || state === "ended") return;
  busy = true;
  clearTimeout(timer);
  let through = true;
  for (let [entry] = queue.values(); entry && through; [entry] = queue.values()) {
    through = await deliver({ ...entry });
    if (through && state !== "reached") {
      state = "reached";
      speak("Connection is back.");
    }
    paint();
  }
  busy = false;
  paint();
  if (!through && state !== "ended") timer = setTimeout(pump, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  if (through) {
    failures = 0;
    if (leaving) sheet.requestSubmit();
  }
}

function keep(position, score) {
  const entry = { attempt: mine, position, score, key: newKey(), revision: Number(revisionOf(position).value) };
  queue.delete(position);
  queue.set(position, entry);
  shelf.use((answers) => answers.put(entry));
  paint();
  pump();
}

sheet.addEventListener("change", ({ target }) => {
  const box = target.closest("fieldset[data-position]");
  if (box) keep(Number(box.dataset.position), target.value);
});
sheet.addEventListener("submit", (event) => {
  if (!queue.size && navigator.onLine) return;
  event.preventDefault();
  leaving = Boolean(queue.size);
  if (!navigator.onLine) state = "lost";
  paint();
  byId(state === "gone" ? "gone" : "offline").scrollIntoView({ block: "center" });
  pump();
});
window.addEventListener("offline", () => { state = "lost"; paint(); });
window.addEventListener("online", () => { if (state === "lost") state = "reached"; paint(); pump(); });
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && queue.size) pump(); });
window.addEventListener("beforeunload", (event) => { if (queue.size && state !== "reached") event.preventDefault(); });

new ResizeObserver(([bar]) => {
  document.documentElement.style.scrollPaddingTop = `${bar.target.offsetHeight + 16}px`;
}).observe(document.querySelector(".sitting"));

// What an earlier visit could not send comes first.
shelf.use((answers) => answers.getAll()).then((kept) => {
  for (const entry of kept ?? []) {
    const box = entry.attempt === mine && lines.get(entry.position);
    if (box && !queue.has(entry.position)) {
      queue.set(entry.position, entry);
      box.querySelector(`[value="${entry.score}"]`).checked = true;
    }
  }
  paint();
  pump();
});
